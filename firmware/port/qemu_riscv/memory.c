/* SPDX-License-Identifier: MIT */
/*
 * The four functions that gcc may call even in freestanding code. Without
 * the pragma it would recognise the loops and call the functions themselves.
 */
#include <string.h>

#include <stdint.h>

#pragma GCC optimize("no-tree-loop-distribute-patterns")

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    while (length-- > 0u) {
        *out++ = *in++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (out <= in) {
        while (length-- > 0u) {
            *out++ = *in++;
        }
    } else {
        while (length-- > 0u) {
            out[length] = in[length];
        }
    }
    return to;
}

void *memset(void *to, int value, size_t length)
{
    uint8_t *out = to;

    while (length-- > 0u) {
        *out++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const uint8_t *left = a;
    const uint8_t *right = b;

    for (; length > 0u; length--, left++, right++) {
        if (*left != *right) {
            return *left < *right ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    return length;
}
