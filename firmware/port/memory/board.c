/* SPDX-License-Identifier: MIT */
/* See memory_port.h. */
#include "memory_port.h"

#include <string.h>

#include "app.h"
#include "hal.h"

/* Owner: this file; one board a process. */
static struct {
    app_t app;
    uint64_t time_us;
    uint64_t compute_us;
    uint32_t computing;
    uint32_t boots;
    uint32_t boot_id;
    uint32_t first_id;
    uint32_t reset_reason;
    uint32_t baud;
    uint32_t baud_allowed;
    uint32_t length;
    uint32_t waiting;
    uint8_t in_driver[MEMORY_PORT_INPUT_BYTES];
    uint8_t output[MEMORY_PORT_OUTPUT_BYTES];
} board;

/* ==== The caller's side ==== */

void memory_boot(uint32_t boots, uint32_t reset_reason)
{
    board.boots = boots;
    board.boot_id = board.first_id + boots;
    board.reset_reason = reset_reason;
    board.baud = APP_DEFAULT_BAUD;
    board.length = 0;
    board.waiting = 0;
    app_init(&board.app);
    app_greet(&board.app);
}

void memory_feed(const uint8_t *bytes, uint32_t length, uint64_t time_us)
{
    board.time_us = time_us;
    app_tick(&board.app);
    app_feed(&board.app, bytes, length);
}

void memory_during(const uint8_t *bytes, uint32_t length)
{
    if (length > MEMORY_PORT_INPUT_BYTES) {
        length = MEMORY_PORT_INPUT_BYTES;
    }
    memcpy(board.in_driver, bytes, length);
    board.waiting = length;
}

void memory_slow(uint64_t compute_us)
{
    board.compute_us = compute_us;
}

uint64_t memory_time(void)
{
    return board.time_us;
}

void memory_first_id(uint32_t first_id)
{
    board.first_id = first_id;
}

const uint8_t *memory_output(void)
{
    return board.output;
}

uint32_t memory_output_length(void)
{
    return board.length;
}

void memory_take_output(void)
{
    board.length = 0;
}

void memory_allow_baud(uint32_t allowed)
{
    board.baud_allowed = allowed;
}

uint32_t memory_baud(void)
{
    return board.baud;
}

/* ==== hal.h ==== */

void hal_init(void)
{
}

hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got)
{
    (void)timeout_ms; /* bytes come by memory_feed(), but for these */
    *got = board.waiting < capacity ? board.waiting : capacity;
    memcpy(bytes, board.in_driver, *got);
    memmove(board.in_driver, board.in_driver + *got,
            sizeof board.in_driver - *got);
    board.waiting -= *got;
    return *got > 0 ? HAL_OK : HAL_TIMEOUT;
}

hal_status_t hal_write(const uint8_t *bytes, uint32_t length)
{
    if (length > MEMORY_PORT_OUTPUT_BYTES - board.length) {
        length = MEMORY_PORT_OUTPUT_BYTES - board.length; /* nobody listens */
    }
    memcpy(board.output + board.length, bytes, length);
    board.length += length;
    return HAL_OK;
}

hal_status_t hal_set_baud(uint32_t baud)
{
    if (!board.baud_allowed) {
        return HAL_UNSUPPORTED;
    }
    board.baud = baud;
    return HAL_OK;
}

uint64_t hal_time_us(void)
{
    return board.time_us;
}

/* Asked before and after an inference, which hal_alive() announces. */
uint32_t hal_count(void)
{
    if (!board.computing) {
        board.time_us += board.compute_us;
    }
    board.computing = 0;
    return 0;
}

hal_counter_t hal_counter(void)
{
    return HAL_COUNTER_NONE;
}

uint32_t hal_counter_hz(void)
{
    return 0;
}

uint32_t hal_boot_count(void)
{
    return board.boots;
}

uint32_t hal_boot_id(void)
{
    return board.boot_id;
}

uint32_t hal_reset_reason(void)
{
    return board.reset_reason;
}

uint32_t hal_stack_used_bytes(void)
{
    return 0;
}

void hal_alive(void)
{
    board.computing = 1;
}

const char *hal_board(void)
{
    return "memory";
}

void hal_reset(void)
{
}
