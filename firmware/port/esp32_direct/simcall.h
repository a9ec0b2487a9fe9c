/* SPDX-License-Identifier: MIT */
/* QEMU's simcall: the emulated board's line, clock mode and power switch. */
#ifndef ESP8K_SIMCALL_H
#define ESP8K_SIMCALL_H

#include <stdint.h>

#include "exit_status.h"

typedef struct {
    uint32_t boots;        /* argument b<n>: which boot this is */
    uint32_t reason;       /* argument r<n>: a hal_reset_t */
    uint32_t first_id;     /* argument i<n>: the boot id before boot 1 */
    uint32_t icount_shift; /* argument c<n>: -icount shift=n is on; 0 = off */
} simcall_options_t;

void simcall_options(simcall_options_t *options);
/* 1: bytes are there or the line is closed; 0: none within the time. */
int simcall_wait(uint32_t milliseconds);
/* As read(2) and write(2) on descriptors 0 and 1. */
int32_t simcall_read(uint8_t *bytes, uint32_t capacity);
int32_t simcall_write(const uint8_t *bytes, uint32_t length);
void simcall_exit(int32_t status); /* EXIT_STATUS_... */

#endif
