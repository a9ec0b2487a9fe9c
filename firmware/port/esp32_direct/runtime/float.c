/* SPDX-License-Identifier: MIT */
/*
 * IEEE binary32 by integer arithmetic: round to nearest even, subnormals,
 * infinities and NaNs. The functions that gcc calls and Debian's lx106
 * libgcc.a does not have; the same bits as a hardware unit, by tests against
 * the host (of a NaN only that it is one).
 */
#include "runtime.h"

#define SIGN 0x80000000u
#define INFINITY_BITS 0x7F800000u
#define NAN_BITS 0x7FC00000u
#define HIDDEN 0x00800000u
#define FRACTION 0x007FFFFFu

/* Out of line, so that the short way saves no registers for the long one. */
#define LONG_WAY __attribute__((noinline, cold))

static float from_bits(uint32_t bits)
{
    float_bits_t both;

    both.bits = bits;
    return both.value;
}

static uint32_t to_bits(float value)
{
    float_bits_t both;

    both.value = value;
    return both.bits;
}

/* Right shift that keeps in the last bit whether anything was lost. */
static uint32_t shift_sticky(uint32_t value, uint32_t shift)
{
    if (shift == 0u) {
        return value;
    }
    if (shift > 31u) {
        return value != 0u ? 1u : 0u;
    }
    return (value >> shift) | (value << (32u - shift) != 0u ? 1u : 0u);
}

/*
 * `mantissa` has its leading one at bit 26 (or less if exponent is 1), three
 * bits below the last place; value = mantissa * 2^(exponent - 127 - 26).
 */
static float round_pack(uint32_t sign, int32_t exponent, uint32_t mantissa)
{
    uint32_t rest;
    uint32_t bits;

    if (exponent <= 0) {
        mantissa = shift_sticky(mantissa, (uint32_t)(1 - exponent));
        exponent = 1;
    }
    rest = mantissa & 7u;
    mantissa >>= 3;
    mantissa += (rest > 4u || (rest == 4u && (mantissa & 1u) != 0u)) ? 1u : 0u;
    /* The hidden bit adds one to the exponent field; a carry, two. */
    bits = ((uint32_t)(exponent - 1) << 23) + mantissa;
    if (bits >= INFINITY_BITS) {
        bits = INFINITY_BITS;
    }
    return from_bits(sign | bits);
}

/* Bring the leading one up to bit 26, not below exponent 1. */
static float normalize_pack(uint32_t sign, int32_t exponent, uint32_t mantissa)
{
    uint32_t shift = (uint32_t)__builtin_clz(mantissa) - 5u;

    if ((int32_t)shift >= exponent) {
        shift = (uint32_t)(exponent - 1);
    }
    return round_pack(sign, exponent - (int32_t)shift, mantissa << shift);
}

/* ==== Addition ==== */

static float add_special(uint32_t a, uint32_t b)
{
    uint32_t a_size = a & ~SIGN;
    uint32_t b_size = b & ~SIGN;

    if (a_size > INFINITY_BITS || b_size > INFINITY_BITS) {
        return from_bits(NAN_BITS);
    }
    if (a_size == INFINITY_BITS && b_size == INFINITY_BITS && a != b) {
        return from_bits(NAN_BITS);
    }
    return from_bits(a_size == INFINITY_BITS ? a : b);
}

LONG_WAY static float add(uint32_t a, uint32_t b)
{
    uint32_t swap;
    uint32_t small;
    uint32_t large;
    int32_t exponent;
    int32_t small_exponent;

    if ((a & INFINITY_BITS) == INFINITY_BITS ||
        (b & INFINITY_BITS) == INFINITY_BITS) {
        return add_special(a, b);
    }
    if ((a & ~SIGN) < (b & ~SIGN)) {
        swap = a;
        a = b;
        b = swap;
    }
    exponent = (int32_t)((a >> 23) & 0xFFu);
    small_exponent = (int32_t)((b >> 23) & 0xFFu);
    large = a & FRACTION;
    small = b & FRACTION;
    if (exponent != 0) {
        large |= HIDDEN;
    } else {
        exponent = 1;
    }
    if (small_exponent != 0) {
        small |= HIDDEN;
    } else {
        small_exponent = 1;
    }
    large <<= 3;
    small = shift_sticky(small << 3, (uint32_t)(exponent - small_exponent));
    if (((a ^ b) & SIGN) == 0u) {
        large += small;
        if (large >= HIDDEN << 4) {
            large = (large >> 1) | (large & 1u);
            exponent++;
        }
        return round_pack(a & SIGN, exponent, large);
    }
    large -= small;
    if (large == 0u) {
        /* x - x is +0; -0 - +0 never comes here with unlike signs but 0 */
        return from_bits(0);
    }
    return normalize_pack(a & SIGN, exponent, large);
}

/*
 * Both normal and the result normal, which is nearly always: the mantissas
 * with their leading one at bit 30, so that a sum still fits 32 bits and the
 * low seven bits round it. Everything else goes to add().
 */
static float add_normal(uint32_t a, uint32_t b)
{
    uint32_t swap;
    uint32_t large;
    uint32_t small;
    uint32_t exponent;
    uint32_t distance;
    uint32_t rest;

    if ((a << 1) < (b << 1)) {
        swap = a;
        a = b;
        b = swap;
    }
    exponent = (a << 1) >> 24;
    distance = exponent - ((b << 1) >> 24);
    if (exponent == 0xFFu || (b << 1) < (HIDDEN << 1)) {
        return add(a, b);
    }
    if (distance > 25u) {
        return from_bits(a); /* less than a quarter of the last place */
    }
    large = ((a << 8) | SIGN) >> 1;
    swap = ((b << 8) | SIGN) >> 1;
    small = swap >> distance;
    small |= (small << distance) != swap ? 1u : 0u;
    if ((int32_t)(a ^ b) >= 0) {
        large += small;
        if ((int32_t)large < 0) {
            large = (large >> 1) | (large & 1u);
            exponent++;
        }
    } else {
        large -= small;
        if (large == 0u) {
            return from_bits(0);
        }
        if (large < 0x40000000u) {
            uint32_t shift = (uint32_t)__builtin_clz(large) - 1u;

            if (shift >= exponent) {
                return add(a, b);
            }
            large <<= shift;
            exponent -= shift;
        }
    }
    rest = (large & 0x7Fu) + 0x3Fu + ((large >> 7) & 1u);
    /* The hidden bit adds one to the exponent field; a carry, two. */
    large = ((exponent - 1u) << 23) + (large >> 7) + (rest >> 7);
    if (exponent >= 0xFEu && large >= INFINITY_BITS) {
        large = INFINITY_BITS;
    }
    return from_bits((a & SIGN) | large);
}

float RUNTIME(addsf3)(float a, float b)
{
    return add_normal(to_bits(a), to_bits(b));
}

float RUNTIME(subsf3)(float a, float b)
{
    return add_normal(to_bits(a), to_bits(b) ^ SIGN);
}

/* ==== Multiplication ==== */

static float multiply_special(uint32_t a, uint32_t b)
{
    uint32_t a_size = a & ~SIGN;
    uint32_t b_size = b & ~SIGN;

    if (a_size > INFINITY_BITS || b_size > INFINITY_BITS || a_size == 0u ||
        b_size == 0u) {
        return from_bits(NAN_BITS);
    }
    return from_bits(((a ^ b) & SIGN) | INFINITY_BITS);
}

/* Exponent and mantissa with the leading one at bit 23, also of subnormals. */
static uint32_t unpack(uint32_t size, int32_t *exponent)
{
    uint32_t mantissa = size & FRACTION;
    uint32_t shift;

    *exponent = (int32_t)(size >> 23);
    if (*exponent != 0) {
        return mantissa | HIDDEN;
    }
    shift = (uint32_t)__builtin_clz(mantissa) - 8u;
    *exponent = 1 - (int32_t)shift;
    return mantissa << shift;
}

LONG_WAY static float multiply(uint32_t a, uint32_t b)
{
    uint32_t sign = (a ^ b) & SIGN;
    int32_t a_exponent;
    int32_t b_exponent;
    uint32_t mantissa;
    uint64_t product;

    if ((a & INFINITY_BITS) == INFINITY_BITS ||
        (b & INFINITY_BITS) == INFINITY_BITS) {
        return multiply_special(a, b);
    }
    if ((a & ~SIGN) == 0u || (b & ~SIGN) == 0u) {
        return from_bits(sign);
    }
    a = unpack(a & ~SIGN, &a_exponent);
    b = unpack(b & ~SIGN, &b_exponent);
    /* 24 x 32 bits: the leading one is at bit 54 or 55. */
    product = RUNTIME(umulsidi3)(a, b << 8);
    a_exponent += b_exponent - 127;
    mantissa = (uint32_t)(product >> 32);
    /* bits 22 or 23 of the upper word: bring it to 26 with what follows */
    mantissa = (mantissa << 4) | (uint32_t)product >> 28;
    mantissa |= ((uint32_t)product << 4) != 0u ? 1u : 0u;
    if (mantissa >= HIDDEN << 4) {
        mantissa = (mantissa >> 1) | (mantissa & 1u);
        a_exponent++;
    }
    return round_pack(sign, a_exponent, mantissa);
}

/*
 * Both and the result normal: 24 x 24 bits by four products of 12 bits. high
 * holds the upper 24 bits of the 48, low the lower 24.
 */
float RUNTIME(mulsf3)(float x, float y)
{
    uint32_t a = to_bits(x);
    uint32_t b = to_bits(y);
    uint32_t a_exponent = (a << 1) >> 24;
    uint32_t b_exponent = (b << 1) >> 24;
    uint32_t exponent = a_exponent + b_exponent - 127u;
    uint32_t high;
    uint32_t low;
    uint32_t cross;

    if (a_exponent - 1u >= 0xFEu || b_exponent - 1u >= 0xFEu ||
        exponent - 1u >= 0xFCu) {
        return multiply(a, b);
    }
    {
        uint32_t a_high = ((a >> 12) & 0x7FFu) | 0x800u;
        uint32_t b_high = ((b >> 12) & 0x7FFu) | 0x800u;
        uint32_t a_low = a & 0xFFFu;
        uint32_t b_low = b & 0xFFFu;

        low = a_low * b_low;
        cross = a_high * b_low + a_low * b_high + (low >> 12);
        high = a_high * b_high + (cross >> 12);
        low = (cross << 20) | ((low << 20) >> 12); /* at the top of 32 bits */
    }
    if (high < HIDDEN) {
        high = (high << 1) | (low >> 31);
        low <<= 1;
        exponent--;
    }
    /* exponent <= 0xFD here: a carry cannot reach infinity's */
    low >>= 8;
    high += (low + 0x7FFFFFu + (high & 1u)) >> 24;
    return from_bits(((a ^ b) & SIGN) | ((exponent << 23) + high));
}

/* ==== Conversions ==== */

static float from_unsigned(uint32_t sign, uint32_t value)
{
    uint32_t shift;

    if (value == 0u) {
        return from_bits(0);
    }
    shift = (uint32_t)__builtin_clz(value);
    if (shift >= 5u) {
        return round_pack(sign, 127 + 31 - (int32_t)shift,
                          value << (shift - 5u));
    }
    return round_pack(sign, 127 + 31 - (int32_t)shift,
                      shift_sticky(value, 5u - shift));
}

float RUNTIME(floatsisf)(int32_t value)
{
    if (value < 0) {
        return from_unsigned(SIGN, 0u - (uint32_t)value);
    }
    return from_unsigned(0, (uint32_t)value);
}

float RUNTIME(floatunsisf)(uint32_t value)
{
    return from_unsigned(0, value);
}

/* Towards zero; what C leaves undefined saturates. */
uint32_t RUNTIME(fixunssfsi)(float value)
{
    uint32_t bits = to_bits(value);
    uint32_t mantissa = (bits & FRACTION) | HIDDEN;
    int32_t exponent = (int32_t)((bits >> 23) & 0xFFu) - 127;

    if ((bits & SIGN) != 0u || exponent < 0) {
        return 0;
    }
    if (exponent > 31) {
        return 0xFFFFFFFFu;
    }
    return exponent >= 23 ? mantissa << (exponent - 23)
                          : mantissa >> (23 - exponent);
}
