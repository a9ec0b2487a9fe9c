/* SPDX-License-Identifier: MIT */
/*
 * The serial lines of a chip: UART0, the USB-Serial-JTAG of C3, S3 and C6, the
 * USB-CDC of S2. All that are built in listen at once; lines.c chooses.
 */
#ifndef ESP8K_LINES_H
#define ESP8K_LINES_H

#include <stdint.h>

#include "hal.h"

/* Install the drivers of all lines, on the core that calls this. */
void lines_init(void);

/* One line. Each of the functions may be called from one task only. */
typedef struct {
    void (*init)(void);
    /* At most `capacity` bytes, 0 within the time, below 0: it is broken. */
    int (*read)(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms);
    /* How many bytes went to the driver within the time. */
    uint32_t (*write)(const uint8_t *bytes, uint32_t length,
                      uint32_t timeout_ms);
    hal_status_t (*set_baud)(uint32_t baud);
    uint32_t patience_ms; /* a write longer than this: nobody reads there */
} line_t;

extern const line_t line_uart;
extern const line_t line_jtag;
extern const line_t line_cdc;

#endif
