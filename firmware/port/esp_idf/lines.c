/* SPDX-License-Identifier: MIT */
/*
 * hal.h's serial link over all lines at once. An answer goes where the request
 * came from; what is said before anybody spoke (the greeting) goes to all.
 *
 * The application reads one stream: while a line speaks the others wait in
 * their drivers' buffers, until it has been silent for as long as half a frame
 * is waited for.
 */
#include "lines.h"

#include <stddef.h>

#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "sdkconfig.h"

#define LONGEST_WAIT_MS 1000u /* the watchdog is fed at least so often */
#define TURN_MS 5u            /* on one line, where there are several */
#define FLOOR_MS 500          /* APP_FRAME_IDLE_MS */
#define MS_US 1000
#define DEFAULT_BAUD 115200u
#define NOBODY LINES

#if !defined(CONFIG_ESP8K_LINE_UART) && \
    !defined(CONFIG_ESP8K_LINE_USB_SERIAL_JTAG) && \
    !defined(CONFIG_ESP8K_LINE_USB_CDC)
#error "esp8k: no serial line is chosen (idf.py menuconfig, menu esp8k)"
#endif

static const line_t *const lines[] = {
#ifdef CONFIG_ESP8K_LINE_UART
    &line_uart,
#endif
#ifdef CONFIG_ESP8K_LINE_USB_SERIAL_JTAG
    &line_jtag,
#endif
#ifdef CONFIG_ESP8K_LINE_USB_CDC
    &line_cdc,
#endif
};

#define LINES ((uint32_t)(sizeof lines / sizeof lines[0]))

/* Owner: this file. */
static uint32_t speaker; /* whose bytes were read last, or NOBODY */
static int64_t spoke_us; /* when */

void lines_init(void)
{
    speaker = LINES == 1u ? 0u : NOBODY;
    for (uint32_t i = 0; i < LINES; i++) {
        lines[i]->init();
    }
}

/* ==== Reading ==== */

static int is_speaking(void)
{
    return speaker != NOBODY &&
           esp_timer_get_time() - spoke_us <
               (int64_t)FLOOR_MS * MS_US;
}

/* One turn: who may speak now is asked; the time is waited on the last. */
static int turn(uint8_t *bytes, uint32_t capacity, uint32_t wait_ms)
{
    int only = is_speaking();

    for (uint32_t i = 0; i < LINES; i++) {
        uint32_t last = only || i + 1u == LINES;
        int count;

        if (only && i != speaker) {
            continue;
        }
        count = lines[i]->read(bytes, capacity, last ? wait_ms : 0u);
        if (count > 0) {
            speaker = i;
            spoke_us = esp_timer_get_time();
        }
        if (count != 0) {
            return count;
        }
    }
    return 0;
}

hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got)
{
    const uint32_t longest = LINES == 1u ? LONGEST_WAIT_MS : TURN_MS;
    uint32_t left = timeout_ms;

    *got = 0;
    if (capacity == 0u) {
        return HAL_TIMEOUT;
    }
    for (;;) {
        uint32_t slice = left < longest ? left : longest;
        int count = turn(bytes, capacity, slice);

        (void)esp_task_wdt_reset();
        if (count > 0) {
            *got = (uint32_t)count;
            return HAL_OK;
        }
        if (count < 0) {
            return HAL_CLOSED;
        }
        if (timeout_ms != HAL_FOREVER) {
            left -= slice;
            if (left == 0u) {
                return HAL_TIMEOUT;
            }
        }
    }
}

/* ==== Writing ==== */

/* A USB whose port no program has open takes nothing: that is no fault. */
hal_status_t hal_write(const uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < LINES; i++) {
        if (speaker == NOBODY) {
            (void)lines[i]->write(bytes, length, 0);
        } else if (i == speaker) {
            (void)lines[i]->write(bytes, length, lines[i]->patience_ms);
        }
    }
    (void)esp_task_wdt_reset();
    return HAL_OK;
}

/*
 * Of the line that asks; before anybody spoke, of the first. The default is
 * for all: whoever asked for another rate may have moved to another line.
 */
hal_status_t hal_set_baud(uint32_t baud)
{
    uint32_t asks = speaker == NOBODY ? 0u : speaker;

    for (uint32_t i = 0; i < LINES; i++) {
        if (i != asks && baud == DEFAULT_BAUD) {
            (void)lines[i]->set_baud(baud);
        }
    }
    return lines[asks]->set_baud(baud);
}
