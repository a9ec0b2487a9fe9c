/* SPDX-License-Identifier: MIT */
/*
 * The whole port surface: what the application may ask of a board.
 *
 * One folder below port/ implements it: posix (the twin), esp32_direct (no
 * operating system: QEMU's de233_fpu and real ESP32 from one image), qemu_riscv,
 * esp_idf, and memory (a board that tests and fuzzers call). Nothing in src/ or
 * components/ includes a header of a vendor. A port's entry point calls
 * hal_init() and then esp8k_app(); memory's callers turn the app by themselves.
 */
#ifndef ESP8K_HAL_H
#define ESP8K_HAL_H

#include <stdint.h>

typedef enum {
    HAL_OK = 0,
    HAL_TIMEOUT,    /* no byte within the time given */
    HAL_CLOSED,     /* the other side is gone for good: leave the app */
    HAL_UNSUPPORTED /* this board has no such thing (baud rate of a pipe) */
} hal_status_t;

typedef enum {
    HAL_COUNTER_NONE,        /* hal_count() means nothing here */
    HAL_COUNTER_CYCLES,      /* cycles of a chip's clock: on hardware only */
    HAL_COUNTER_INSTRUCTIONS /* instructions retired, exact, emulated */
} hal_counter_t;

typedef enum {
    HAL_RESET_UNKNOWN = 0,
    HAL_RESET_POWER_ON,
    HAL_RESET_SOFTWARE, /* hal_reset(), or DTR/RTS where it looks the same */
    HAL_RESET_PANIC,
    HAL_RESET_WATCHDOG,
    HAL_RESET_BROWNOUT
} hal_reset_t;

/* hal_read() with this timeout waits as long as the port can. */
#define HAL_FOREVER 0xFFFFFFFFu

void hal_init(void);

/* ==== Serial link ==== */

/*
 * Give 1..capacity bytes as soon as any are there; *got says how many.
 * timeout_ms = 0 only looks; HAL_FOREVER may still end in HAL_TIMEOUT after
 * an hour of silence. *got is 0 unless HAL_OK comes back.
 */
hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got);
/* Hand over all `length` bytes; returns when they are with the driver. */
hal_status_t hal_write(const uint8_t *bytes, uint32_t length);
/* Waits until everything written is on the wire, then changes the rate. */
hal_status_t hal_set_baud(uint32_t baud);

/* ==== Time ==== */

/*
 * Since boot, never backwards. On an emulated board it is the emulator's
 * clock and says nothing about the chip: only where hal_counter() is
 * HAL_COUNTER_CYCLES is it a measurement of a board.
 */
uint64_t hal_time_us(void);
/* Free-running, wraps at 32 bits: differences are right below 2^32. */
uint32_t hal_count(void);
hal_counter_t hal_counter(void);
/* Counts a second; 0 where a count says nothing about time. */
uint32_t hal_counter_hz(void);

/* ==== Board ==== */

/* Boots since power came on, this one included: 1 at the first. */
uint32_t hal_boot_count(void);
/*
 * One more at each boot, like the count, but begins at a random number where
 * the loss of power (or the reset pin) makes a board forget that count: two
 * boots that both call themselves the first can still be told apart.
 */
uint32_t hal_boot_id(void);
/* A hal_reset_t. */
uint32_t hal_reset_reason(void);
/* High-water mark since boot of the stack that runs the app. */
uint32_t hal_stack_used_bytes(void);
/* "virtual", "twin", "riscv", "esp32", "esp32s3", "esp32c3", ... */
const char *hal_board(void);
/* Called before each inference: tells watchdogs that the app is at work. */
void hal_alive(void);
/* Start again from the reset vector; does not return. */
void hal_reset(void);

#endif
