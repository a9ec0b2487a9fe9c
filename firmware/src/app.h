/* SPDX-License-Identifier: MIT */
/*
 * The application: answers over the serial link, on whatever hal.h runs on.
 *
 * A port calls esp8k_app(). Tests and fuzzers hold an app_t of their own and
 * feed it bytes; what it answers goes out through hal_write().
 */
#ifndef ESP8K_APP_H
#define ESP8K_APP_H

#include <stdint.h>

#include "app_state.h"

/* ==== Use ==== */

void app_init(app_t *app);
/* The boot banner of the text dialect. */
void app_greet(app_t *app);
void app_feed(app_t *app, const uint8_t *bytes, uint32_t length);
/* Milliseconds until app_tick() has something to do, or HAL_FOREVER. */
uint32_t app_patience_ms(const app_t *app);
/* Bring an unconfirmed or silent baud rate back. */
void app_tick(app_t *app);

/* Runs until the link closes for good. */
void esp8k_app(void);

#endif
