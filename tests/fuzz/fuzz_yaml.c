/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Settings in YAML: any bytes. */
#include "config/yaml.h"
#include "fuzz/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	settings_read(config_yaml_read, data, size);
	return 0;
}
