/* What the files of the text dialect share, and nobody else needs. */
#ifndef ESP8K_CONSOLE_PARTS_H
#define ESP8K_CONSOLE_PARTS_H

#include "app.h"
#include "link_text.h"

#define LINE_END "\r\n"

/* ==== console_say.c ==== */

void console_send(app_t *app, const link_line_t *line);
void console_say(app_t *app, const char *text);
/* before, number, after: the shape of nearly every message. */
void console_number(app_t *app, const char *before, uint64_t number,
                    const char *after);
void console_word(app_t *app, const char *before, link_word_t word,
                  const char *after);

/* ==== console_db.c ==== */

/* `*rest` is what stands behind "db". */
void console_db(app_t *app, const char **rest);

#endif
