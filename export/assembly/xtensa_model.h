/* SPDX-License-Identifier: MIT
 * Models of the Xtensa instructions that are more than an operator of C.
 *
 * A translated text runs over them on the host. An address register holds 64
 * bits: a number sign-extended from 32, or a pointer of the host. Sums of two
 * numbers wrap at 32 bits, those with a pointer do not.
 */
#ifndef XTENSA_MODEL_H
#define XTENSA_MODEL_H

#include <stdint.h>
#include <string.h>

extern uint64_t xt_instructions; /* executed so far; whoever drives has it */

static inline int64_t xt_wrap(int64_t a, int64_t b, int64_t sum)
{
    return a == (int32_t)a && b == (int32_t)b ? (int32_t)(uint32_t)sum : sum;
}

static inline int64_t xt_add(int64_t a, int64_t b)
{
    return xt_wrap(a, b, a + b);
}

static inline int64_t xt_sub(int64_t a, int64_t b)
{
    return xt_wrap(a, b, a - b);
}

static inline int64_t xt_shl(int64_t a, int32_t by)
{
    return (int32_t)((uint32_t)a << by);
}

/* The low 32 bits of high:low shifted right by 0 to 32. */
static inline int64_t xt_src(int64_t high, int64_t low, int64_t by)
{
    const uint64_t both = (uint64_t)(uint32_t)high << 32 | (uint32_t)low;

    return (int32_t)(uint32_t)(both >> by);
}

static inline int64_t xt_sra(int64_t a, int64_t by)
{
    return (int32_t)((int64_t)(int32_t)a >> by);
}

static inline int64_t xt_mull(int64_t a, int64_t b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

static inline int64_t xt_mulsh(int64_t a, int64_t b)
{
    return (int32_t)(((int64_t)(int32_t)a * (int32_t)b) >> 32);
}

static inline int64_t xt_muluh(int64_t a, int64_t b)
{
    return (int32_t)(uint32_t)(((uint64_t)(uint32_t)a * (uint32_t)b) >> 32);
}

static inline int64_t xt_clamps(int64_t a, int32_t bits)
{
    const int32_t most = (int32_t)((1u << bits) - 1);
    const int32_t x = (int32_t)a;

    return x > most ? most : x < -most - 1 ? -most - 1 : x;
}

static inline int64_t xt_sext(int64_t a, int32_t bit)
{
    return (int32_t)((uint32_t)a << (31 - bit)) >> (31 - bit);
}

/* ==== Memory ==== */

static inline int64_t xt_l8ui(int64_t base, int32_t offset)
{
    return *((const uint8_t *)(intptr_t)base + offset);
}

static inline int64_t xt_l16ui(int64_t base, int32_t offset)
{
    uint16_t x;

    memcpy(&x, (const uint8_t *)(intptr_t)base + offset, sizeof x);
    return x;
}

static inline int64_t xt_l16si(int64_t base, int32_t offset)
{
    return (int16_t)xt_l16ui(base, offset);
}

static inline int64_t xt_l32i(int64_t base, int32_t offset)
{
    int32_t x;

    memcpy(&x, (const uint8_t *)(intptr_t)base + offset, sizeof x);
    return x;
}

static inline void xt_s8i(int64_t value, int64_t base, int32_t offset)
{
    *((uint8_t *)(intptr_t)base + offset) = (uint8_t)value;
}

static inline void xt_s16i(int64_t value, int64_t base, int32_t offset)
{
    const uint16_t x = (uint16_t)value;

    memcpy((uint8_t *)(intptr_t)base + offset, &x, sizeof x);
}

static inline void xt_s32i(int64_t value, int64_t base, int32_t offset)
{
    const uint32_t x = (uint32_t)value;

    memcpy((uint8_t *)(intptr_t)base + offset, &x, sizeof x);
}

#endif
