/* SPDX-License-Identifier: MIT */
/* See link_text.h. */
#include "link_text.h"

#define LARGEST_NUMBER 99999999 /* eight digits are enough for any argument */

/* ==== Reading ==== */

link_word_t link_next_word(const char **rest)
{
    link_word_t word;
    const char *p = *rest;
    while (*p == ' ') {
        p++;
    }
    word.at = p;
    while (*p != '\0' && *p != ' ') {
        p++;
    }
    word.length = (uint32_t)(p - word.at);
    *rest = p;
    return word;
}

int link_word_is(link_word_t word, const char *text)
{
    uint32_t i = 0;
    while (i < word.length && text[i] != '\0' && word.at[i] == text[i]) {
        i++;
    }
    return i == word.length && text[i] == '\0';
}

int link_word_number(link_word_t word, int32_t *value)
{
    uint32_t i = 0;
    int32_t sum = 0;
    int negative = word.length > 0 && word.at[0] == '-';
    if (negative) {
        i = 1;
    }
    if (i == word.length) {
        return -1;
    }
    for (; i < word.length; i++) {
        char c = word.at[i];
        if (c < '0' || c > '9' || sum > (LARGEST_NUMBER - 9) / 10) {
            return -1;
        }
        sum = sum * 10 + (c - '0');
    }
    *value = negative ? -sum : sum;
    return 0;
}

int link_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* ==== Writing ==== */

void link_put_char(link_line_t *line, char c)
{
    if (line->length + 1u < line->capacity) {
        line->at[line->length++] = c;
        line->at[line->length] = '\0';
    }
}

void link_put_text(link_line_t *line, const char *text)
{
    while (*text != '\0') {
        link_put_char(line, *text++);
    }
}

/* Decimal without division, which lx106 has no instruction for. */
void link_put_number(link_line_t *line, uint64_t value)
{
    static const uint64_t powers[] = {
        10000000000000000000u, 1000000000000000000u, 100000000000000000u,
        10000000000000000u,    1000000000000000u,    100000000000000u,
        10000000000000u,       1000000000000u,       100000000000u,
        10000000000u,          1000000000u,          100000000u,
        10000000u,             1000000u,             100000u,
        10000u,                1000u,                100u,
        10u,                   1u,
    };
    const uint32_t count = (uint32_t)(sizeof powers / sizeof powers[0]);
    uint32_t i = 0;
    while (i + 1u < count && value < powers[i]) {
        i++;
    }
    for (; i < count; i++) {
        char digit = '0';
        while (value >= powers[i]) {
            value -= powers[i];
            digit++;
        }
        link_put_char(line, digit);
    }
}

void link_put_hex(link_line_t *line, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    link_put_char(line, digits[byte >> 4]);
    link_put_char(line, digits[byte & 15u]);
}
