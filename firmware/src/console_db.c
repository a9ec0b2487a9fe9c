/* SPDX-License-Identifier: MIT */
/* db: the image buffer, filled and shown in hex. */
#include "console_db.h"

#include "console_say.h"

#define PRINT_COLUMNS 8u

static void db_load(app_t *app, const char **rest)
{
    staged_t *staged = &app->staged;
    int32_t bytes = 0;
    link_word_t word = link_next_word(rest);
    if (word.length == 0) {
        console_say(app, "e-[Command 'db load' requires the # of bytes]"
                         LINE_END);
        return;
    }
    if (link_word_number(word, &bytes) != 0 || bytes <= 0) {
        console_say(app, "e-[Command 'db load' must be >0 bytes]" LINE_END);
        return;
    }
    if ((uint32_t)bytes > ESP8K_INPUT_BYTES) {
        console_number(app, "e-[Supplied buffer size exceeds maximum of ",
                       ESP8K_INPUT_BYTES, "]" LINE_END);
        return;
    }
    staged->by = STAGED_TEXT;
    staged->expected = (uint32_t)bytes;
    staged->filled = 0;
    console_number(app, "m-[Expecting ", staged->expected, " bytes]" LINE_END);
}

static void db_print(app_t *app, const char **rest)
{
    const staged_t *staged = &app->staged;
    const uint8_t *pixels = (const uint8_t *)staged->words;
    uint32_t size = staged->by == STAGED_TEXT ? staged->expected : 0;
    int32_t count = (int32_t)size;
    int32_t offset = 0;
    link_word_t count_word = link_next_word(rest);
    link_word_t offset_word = link_next_word(rest);
    if ((count_word.length > 0 && link_word_number(count_word, &count)) ||
        (offset_word.length > 0 && link_word_number(offset_word, &offset)) ||
        count < 0 || offset < 0 || (uint32_t)offset > size ||
        (uint32_t)count > size - (uint32_t)offset) {
        console_number(app, "e-[Command 'db print' is limited to the ", size,
                       " bytes of 'db load']" LINE_END);
        return;
    }
    for (uint32_t i = 0; i < (uint32_t)count; i += PRINT_COLUMNS) {
        char bytes[APP_LINE_BYTES];
        link_line_t line = {bytes, sizeof bytes, 0};
        link_put_text(&line, "m-buffer-");
        for (uint32_t j = i; j < i + PRINT_COLUMNS && j < (uint32_t)count;
             j++) {
            if (j > i) {
                link_put_char(&line, '-');
            }
            link_put_hex(&line, pixels[(uint32_t)offset + j]);
        }
        link_put_text(&line, LINE_END);
        console_send(app, &line);
    }
}

/* The digits are checked before the first byte is stored. */
static void db_bytes(app_t *app, link_word_t digits)
{
    staged_t *staged = &app->staged;
    uint8_t *pixels = (uint8_t *)staged->words;
    uint32_t count = digits.length / 2u;
    if (staged->by != STAGED_TEXT || staged->filled == staged->expected) {
        console_say(app, "e-[Command 'db' requires a 'db load' before]"
                         LINE_END);
        return;
    }
    if (digits.length % 2u != 0) {
        console_say(app, "e-[Insufficent number of hex digits]" /* sic */
                         LINE_END);
        return;
    }
    for (uint32_t i = 0; i < digits.length; i++) {
        if (link_hex_digit(digits.at[i]) < 0) {
            link_word_t pair = {digits.at + (i & ~(uint32_t)1u), 2};
            console_word(app, "e-[Invalid hex digit '", pair, "']" LINE_END);
            return;
        }
    }
    if (count > staged->expected - staged->filled) {
        console_number(app, "e-[Too many bytes: expecting ",
                       staged->expected - staged->filled, "]" LINE_END);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t high = (uint32_t)link_hex_digit(digits.at[2u * i]);
        uint32_t low = (uint32_t)link_hex_digit(digits.at[2u * i + 1u]);
        pixels[staged->filled++] = (uint8_t)(high << 4 | low);
    }
    if (staged->filled == staged->expected) {
        console_say(app, "m-load-done" LINE_END);
    }
}

void console_db(app_t *app, const char **rest)
{
    link_word_t word = link_next_word(rest);
    if (word.length == 0) {
        console_say(app, "e-[Command 'db' requires a subcommand]" LINE_END);
    } else if (link_word_is(word, "load")) {
        db_load(app, rest);
    } else if (link_word_is(word, "print")) {
        db_print(app, rest);
    } else {
        db_bytes(app, word);
    }
}
