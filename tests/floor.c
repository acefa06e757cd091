/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The program that is linked with each folder of src/ to see what it calls. */
int main(void)
{
	return 0;
}
