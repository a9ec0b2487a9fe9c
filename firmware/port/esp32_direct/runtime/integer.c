/* SPDX-License-Identifier: MIT */
/*
 * Integer helpers that gcc calls and Debian's lx106 libgcc.a does not have.
 * The names and contracts are libgcc's; tests compare each with the host on
 * millions of inputs (RUNTIME(name) renames them there).
 */
#include "runtime.h"

/* ==== Multiplication ==== */

/* The four 16 x 16 products of a 32 x 32 -> 64 one. */
uint64_t RUNTIME(umulsidi3)(uint32_t a, uint32_t b)
{
    uint32_t low = (a & 0xFFFFu) * (b & 0xFFFFu);
    uint32_t high = (a >> 16) * (b >> 16);
    uint32_t cross = (a >> 16) * (b & 0xFFFFu);
    uint32_t middle = (a & 0xFFFFu) * (b >> 16) + (low >> 16);

    /* (2^16 - 1)^2 + 2^16 - 1 < 2^32: middle cannot overflow, sums can. */
    high += middle >> 16;
    cross += middle & 0xFFFFu;
    if (cross < (middle & 0xFFFFu)) {
        high += 0x10000u;
    }
    high += cross >> 16;
    low = (low & 0xFFFFu) | (cross << 16);
    return ((uint64_t)high << 32) | low;
}

int64_t RUNTIME(muldi3)(int64_t a, int64_t b)
{
    uint32_t a_low = (uint32_t)(uint64_t)a;
    uint32_t b_low = (uint32_t)(uint64_t)b;
    uint32_t a_high = (uint32_t)((uint64_t)a >> 32);
    uint32_t b_high = (uint32_t)((uint64_t)b >> 32);
    uint64_t product = RUNTIME(umulsidi3)(a_low, b_low);
    uint32_t high = (uint32_t)(product >> 32);

    high += a_low * b_high + a_high * b_low;
    return (int64_t)(((uint64_t)high << 32) | (uint32_t)product);
}

/* ==== Division ==== */

static uint32_t leading_zeros(uint32_t value)
{
    return value == 0u ? 32u : (uint32_t)__builtin_clz(value);
}

/* Shift and subtract, beginning at the first bit that can be one. */
static uint32_t divide(uint32_t n, uint32_t d, uint32_t *remainder)
{
    uint32_t quotient = 0;
    uint32_t shift;

    if (d == 0u) {
        __builtin_trap(); /* a panic with the PC, as a divide unit gives */
    }
    if (n < d) {
        *remainder = n;
        return 0;
    }
    shift = leading_zeros(d) - leading_zeros(n);
    d <<= shift;
    for (;;) {
        quotient <<= 1;
        if (n >= d) {
            n -= d;
            quotient |= 1u;
        }
        if (shift == 0u) {
            break;
        }
        d >>= 1;
        shift--;
    }
    *remainder = n;
    return quotient;
}

static uint32_t magnitude(int32_t value)
{
    return value < 0 ? 0u - (uint32_t)value : (uint32_t)value;
}

uint32_t RUNTIME(udivsi3)(uint32_t n, uint32_t d)
{
    uint32_t remainder;

    return divide(n, d, &remainder);
}

uint32_t RUNTIME(umodsi3)(uint32_t n, uint32_t d)
{
    uint32_t remainder;

    (void)divide(n, d, &remainder);
    return remainder;
}

int32_t RUNTIME(divsi3)(int32_t n, int32_t d)
{
    uint32_t remainder;
    uint32_t quotient = divide(magnitude(n), magnitude(d), &remainder);

    return (int32_t)((n < 0) != (d < 0) ? 0u - quotient : quotient);
}

int32_t RUNTIME(modsi3)(int32_t n, int32_t d)
{
    uint32_t remainder;

    (void)divide(magnitude(n), magnitude(d), &remainder);
    return (int32_t)(n < 0 ? 0u - remainder : remainder);
}

static uint64_t divide64(uint64_t n, uint64_t d, uint64_t *remainder)
{
    uint64_t quotient = 0;
    uint32_t shift = 0;

    if (((n | d) >> 32) == 0u) {
        uint32_t rest;

        quotient = divide((uint32_t)n, (uint32_t)d, &rest);
        *remainder = rest;
        return quotient;
    }
    if (d == 0u) {
        __builtin_trap();
    }
    while ((d >> 63) == 0u && d < n) {
        d <<= 1;
        shift++;
    }
    for (;;) {
        quotient <<= 1;
        if (n >= d) {
            n -= d;
            quotient |= 1u;
        }
        if (shift == 0u) {
            break;
        }
        d >>= 1;
        shift--;
    }
    *remainder = n;
    return quotient;
}

static uint64_t magnitude64(int64_t value)
{
    return value < 0 ? 0u - (uint64_t)value : (uint64_t)value;
}

uint64_t RUNTIME(udivdi3)(uint64_t n, uint64_t d)
{
    uint64_t remainder;

    return divide64(n, d, &remainder);
}

uint64_t RUNTIME(umoddi3)(uint64_t n, uint64_t d)
{
    uint64_t remainder;

    (void)divide64(n, d, &remainder);
    return remainder;
}

int64_t RUNTIME(divdi3)(int64_t n, int64_t d)
{
    uint64_t remainder;
    uint64_t quotient = divide64(magnitude64(n), magnitude64(d), &remainder);

    return (int64_t)((n < 0) != (d < 0) ? 0u - quotient : quotient);
}
