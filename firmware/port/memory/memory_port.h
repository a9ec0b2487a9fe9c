/* SPDX-License-Identifier: MIT */
/*
 * A board made of memory: what the app writes lands in a buffer, time stands
 * where the caller puts it. Fuzzers, tests and `tools.faults.chaos` (which loads it
 * as a shared library and runs the firmware in virtual time) use it.
 */
#ifndef MEMORY_PORT_H
#define MEMORY_PORT_H

#include <stdint.h>

#define MEMORY_PORT_OUTPUT_BYTES 65536u
#define MEMORY_PORT_INPUT_BYTES 64u

/* Power on: as if the board had just booted for the `boots`-th time. */
void memory_boot(uint32_t boots, uint32_t reset_reason);
/* Feed bytes to the app at `time_us`; its answer is in memory_output(). */
void memory_feed(const uint8_t *bytes, uint32_t length, uint64_t time_us);
const uint8_t *memory_output(void);
uint32_t memory_output_length(void);
void memory_take_output(void);
/* What hal_boot_id() adds to the count from the next boot on. */
void memory_first_id(uint32_t first_id);
/* Bytes that the app finds when it looks while it is busy. */
void memory_during(const uint8_t *bytes, uint32_t length);
/* From now on each inference takes so long, by the clock of memory_feed(). */
void memory_slow(uint64_t compute_us);
/* That clock. */
uint64_t memory_time(void);
/* Give this board a UART whose rate can be set (default: it has none). */
void memory_allow_baud(uint32_t allowed);
uint32_t memory_baud(void);

#endif
