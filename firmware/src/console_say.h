/* SPDX-License-Identifier: MIT */
/* Lines of the text dialect on their way out. */
#ifndef ESP8K_CONSOLE_SAY_H
#define ESP8K_CONSOLE_SAY_H

#include "app_state.h"
#include "link_text.h"

#define LINE_END "\r\n"

void console_send(app_t *app, const link_line_t *line);
void console_say(app_t *app, const char *text);
/* before, number, after: the shape of nearly every message. */
void console_number(app_t *app, const char *before, uint64_t number,
                    const char *after);
/* "m-lap-us-N" */
void console_timestamp(app_t *app);
void console_word(app_t *app, const char *before, link_word_t word,
                  const char *after);

#endif
