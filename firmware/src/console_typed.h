/* SPDX-License-Identifier: MIT */
/*
 * A person at a serial terminal: Enter ends a command as '%' does, and from
 * the first known one on, what is typed is shown. Machines, which end their
 * commands with '%' or send frames, never see an echo or a prompt.
 */
#ifndef ESP8K_CONSOLE_TYPED_H
#define ESP8K_CONSOLE_TYPED_H

#include "app_state.h"
#include "link_frame.h"

/* A command that Enter ended. */
void console_line(app_t *app, const char *line);
/* Enter alone. */
void console_empty_line(app_t *app);
/*
 * Show the byte that was read, if a person typed it. `before`: characters of
 * the line until then; `event`: what the reader made of it.
 */
void console_echo(app_t *app, uint8_t byte, uint32_t before,
                   link_event_t event);

#endif
