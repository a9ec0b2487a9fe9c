/* SPDX-License-Identifier: MIT */
/* What the text dialect says. */
#include "console_say.h"

#include "hal.h"

void console_send(app_t *app, const link_line_t *line)
{
    app_write(app, (const uint8_t *)line->at, line->length);
}

void console_say(app_t *app, const char *text)
{
    uint32_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    app_write(app, (const uint8_t *)text, length);
}

void console_number(app_t *app, const char *before, uint64_t number,
                    const char *after)
{
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    link_put_text(&line, before);
    link_put_number(&line, number);
    link_put_text(&line, after);
    console_send(app, &line);
}

void console_timestamp(app_t *app)
{
    console_number(app, "m-lap-us-", hal_time_us(), LINE_END);
}

void console_word(app_t *app, const char *before, link_word_t word,
                  const char *after)
{
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    link_put_text(&line, before);
    for (uint32_t i = 0; i < word.length; i++) {
        link_put_char(&line, word.at[i]);
    }
    link_put_text(&line, after);
    console_send(app, &line);
}
