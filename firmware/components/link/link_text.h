/* SPDX-License-Identifier: MIT */
/* Words and numbers of the text dialect: no libc, no change on failure. */
#ifndef LINK_TEXT_H
#define LINK_TEXT_H

#include <stdint.h>

typedef struct {
    const char *at;
    uint32_t length; /* 0: there is no further word */
} link_word_t;

/* The next run of non-spaces; *rest moves behind it. */
link_word_t link_next_word(const char **rest);
int link_word_is(link_word_t word, const char *text);
/* A decimal number with optional minus: 0 and *value, or -1 for any other. */
int link_word_number(link_word_t word, int32_t *value);
/* 0..15, or -1 for what is no hex digit. */
int link_hex_digit(char c);

/* Append to a buffer of `capacity` (terminator included), cutting silently. */
typedef struct {
    char *at;
    uint32_t capacity;
    uint32_t length;
} link_line_t;

void link_put_text(link_line_t *line, const char *text);
void link_put_char(link_line_t *line, char c);
void link_put_number(link_line_t *line, uint64_t value);
void link_put_hex(link_line_t *line, uint8_t byte);

#endif
