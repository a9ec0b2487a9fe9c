/*
 * memcpy, memset and their kin for bare cores, a word at a time where both
 * ends are aligned: a rival that copies must not pay for a naive library.
 */
#include <stddef.h>
#include <stdint.h>

#pragma GCC optimize("no-tree-loop-distribute-patterns")

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if ((((uintptr_t)out | (uintptr_t)in) & 3u) == 0u) {
        for (; length >= 4u; length -= 4u, out += 4, in += 4) {
            *(uint32_t *)(void *)out = *(const uint32_t *)(const void *)in;
        }
    }
    for (; length > 0u; length--) {
        *out++ = *in++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;

    if (out <= in) {
        return memcpy(to, from, length);
    }
    while (length-- > 0u) {
        out[length] = in[length];
    }
    return to;
}

void *memset(void *to, int value, size_t length)
{
    uint8_t *out = to;
    uint32_t word = (uint8_t)value * 0x01010101u;

    for (; length > 0u && ((uintptr_t)out & 3u) != 0u; length--) {
        *out++ = (uint8_t)value;
    }
    for (; length >= 4u; length -= 4u, out += 4) {
        *(uint32_t *)(void *)out = word;
    }
    for (; length > 0u; length--) {
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
