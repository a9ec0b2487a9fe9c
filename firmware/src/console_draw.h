/* SPDX-License-Identifier: MIT */
/*
 * A built-in digit and what the network says, as lines. In a file of their
 * own, so that their buffers are not on the stack beside an inference.
 */
#ifndef ESP8K_CONSOLE_DRAW_H
#define ESP8K_CONSOLE_DRAW_H

#include "app_state.h"

/* Pixel `at` of a digit, 0..3. */
uint8_t console_level(uint32_t digit, uint32_t at);
void console_draw(app_t *app, uint32_t digit);
void console_class(app_t *app, const engine_result_t *result);

#endif
