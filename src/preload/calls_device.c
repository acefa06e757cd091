/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * /dev/vsock, of which programs ask their CID.  A host that has no vsock
 * driver has no such file, and one that has it may keep it for root; so what
 * is opened is /dev/null, and the question is answered for any such device.
 *
 * ioctl() is also another way to set the close-on-exec flag.
 */
#undef _FORTIFY_SOURCE /* which defines open() inline */

#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "preload/answer.h"
#include "preload/fan.h"
#include "preload/real.h"
#include "preload/table.h"
#include "preload/vms.h"

static const char *stand_in(const char *path)
{
	return vms_given() && strcmp(path, "/dev/vsock") == 0 ? "/dev/null"
							      : path;
}

/* The mode is there only if the flags say so. */
static mode_t take_mode(int flags, va_list arguments)
{
	if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)
		return va_arg(arguments, mode_t);
	return 0;
}

EXPORT int open(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = take_mode(flags, arguments);
	va_end(arguments);
	return real()->open(stand_in(path), flags, mode);
}

EXPORT int open64(const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = take_mode(flags, arguments);
	va_end(arguments);
	return real()->open64(stand_in(path), flags, mode);
}

EXPORT int openat(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = take_mode(flags, arguments);
	va_end(arguments);
	return real()->openat(directory, stand_in(path), flags, mode);
}

EXPORT int openat64(int directory, const char *path, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = take_mode(flags, arguments);
	va_end(arguments);
	return real()->openat64(directory, stand_in(path), flags, mode);
}

/*
 * What they become under _FORTIFY_SOURCE where the compiler does not know the
 * flags. The C library's own end a program that gives no mode and needs one.
 */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
	return real()->__open_2(stand_in(path), flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return real()->__open64_2(stand_in(path), flags);
}

EXPORT int __openat_2(int directory, const char *path, int flags)
{
	return real()->__openat_2(directory, stand_in(path), flags);
}

EXPORT int __openat64_2(int directory, const char *path, int flags)
{
	return real()->__openat64_2(directory, stand_in(path), flags);
}

static int answer_cid(int fd, void *out)
{
	const unsigned int cid = VMADDR_CID_HOST;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;
	if (!out)
		return -EFAULT;
	memcpy(out, &cid, sizeof(cid));
	return 0;
}

/* FIOCLEX and FIONCLEX change what a fan's members must follow. */
EXPORT int ioctl(int fd, unsigned long request, ...)
{
	const int saved = errno;
	va_list arguments;
	void *argument;
	int result;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (request == IOCTL_VM_SOCKETS_GET_LOCAL_CID && vms_given())
		return answer(answer_cid(fd, argument), saved);
	result = real()->ioctl(fd, request, argument);
	if ((request == FIOCLEX || request == FIONCLEX) && table_has(fd)) {
		const int after = errno;

		fan_follow_all(fd);
		errno = after;
	}
	return result;
}
