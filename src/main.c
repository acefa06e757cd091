/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The order of the start matters. Signals are blocked before there are threads,
 * which inherit the mask. The limit on descriptors is raised before they are
 * shared out. The guard against SIGBUS is installed before a guest's memory is
 * mapped.
 */
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "config/options.h"
#include "daemon/daemon.h"
#include "virtq/guard.h"

/* nohup(1) ignores SIGHUP. An ignored signal that is blocked comes all the
 * same, by the signalfd. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return sigaction(signal, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

/* The daemon reads its signals from a signalfd. A write to a socket that was
 * closed at the other end is to fail, not to end the daemon. */
static void set_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/*
 * Bytes that wait for a reader or a guest lie in blocks that come and go with
 * each burst. To give them back to the kernel each time costs more than the
 * copying does, so each worker's heap keeps KEPT_BYTES.
 */
#define KEPT_BYTES (16 << 20)
#define BLOCK_BYTES (1 << 20)

static void keep_freed_memory(void)
{
#ifdef M_TRIM_THRESHOLD
	mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	mallopt(M_MMAP_THRESHOLD, BLOCK_BYTES);
#endif
}

static int serve(const struct config *config)
{
	struct daemon *daemon;
	int err;

	err = fd_raise_limit();
	if (err)
		log_line(LOG_LEVEL_WARN, NULL,
			 "the limit on open files stays as it is: %s",
			 strerror(-err));
	err = guard_install();
	if (err) {
		log_line(LOG_LEVEL_ERROR, NULL, "SIGBUS: %s", strerror(-err));
		return err;
	}
	daemon = daemon_new(config);
	if (!daemon)
		return -1;
	keep_freed_memory();
	daemon_run(daemon);
	daemon_free(daemon);
	return 0;
}

int main(int argc, char **argv)
{
	struct config config;
	int status;

	if (options_parse(argc, argv, &config, &status))
		return status;
	log_set_level(config.log_level);
	log_to_journal_if_asked();
	set_signals();
	status = serve(&config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	config_free(&config);
	return status;
}
