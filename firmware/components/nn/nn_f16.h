/* SPDX-License-Identifier: MIT
 *
 * float16 storage, float32 arithmetic.
 *
 * Weights are IEEE binary16, decoded exactly. What one layer stores for the
 * next is rounded to binary16's 11 bits, so a product has 22 and is exact in
 * float32: only sums are rounded, and a fused multiply-add gives the same bits
 * as a multiplication and an addition. Elsewhere two roundings are two, so
 * compile with -ffp-contract=off. A core without an FPU takes nn_f16_soft.h.
 */
#ifndef NN_F16_H
#define NN_F16_H

#include "nn_common.h"

#include <float.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "float16 needs the rounding of IEEE 754: compile without -ffast-math"
#endif
#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || FLT_MAX_EXP != 128
#error "float16 needs floats that are IEEE 754 binary32"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "float16 needs float arithmetic in float: on x86 compile with -msse2"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* gcc has -ffp-contract=off for it */
#endif

/* Bits of a binary16, as binary32 with an exponent too small by 112. */
NN_INLINE uint32_t nn_half_bits(uint16_t half)
{
    return (((uint32_t)(int32_t)(int16_t)half) << 13) & 0x8FFFE000u;
}

/* Define it to be 1 to try the whole numbers where there is an FPU. */
#ifndef NN_SOFT_FLOAT
#if defined(__XTENSA_SOFT_FLOAT__) || defined(__SOFTFP__) \
    || (defined(__riscv) && !defined(__riscv_flen))
#define NN_SOFT_FLOAT 1
#else
#define NN_SOFT_FLOAT 0
#endif
#endif

typedef float nn_real_t;

/* Values `offset` bytes behind the start of an arena: a multiple of 4. */
NN_INLINE nn_real_t *nn_at(uint8_t *arena, uint32_t offset)
{
    return (nn_real_t *)(void *)(arena + offset);
}

/* Loads stay on their side: what is read twice is not kept in a register. */
#if defined(__GNUC__)
#define NN_FENCE() __asm__ volatile("" ::: "memory")
#else
#define NN_FENCE() ((void)0)
#endif

/* A fence that names the sums of a loop, NN_SUM(a0), NN_SUM(a1), ...: at it
 * each is in one register, so x86's gcc copies none to another in between. */
#if defined(__GNUC__) && defined(__SSE__)
#define NN_SUM(a) "+x"(a)
#define NN_HOLD(...) __asm__ volatile("" : __VA_ARGS__ : : "memory")
#else
#define NN_SUM(a) a
#define NN_HOLD(...) NN_FENCE()
#endif

/* A value in a register of its own: x86's gcc would else give it that of the
 * operand which its instruction for a maximum leaves alone, and copy it. */
#if defined(__GNUC__) && defined(__SSE__)
#define NN_APART(x) __asm__("" : "+x"(x))
#else
#define NN_APART(x) ((void)0)
#endif

/* Bits that stay in a register for whole numbers, where they cost no jump. */
#if defined(__GNUC__)
#define NN_WHOLE(bits) __asm__("" : "+r"(bits))
#else
#define NN_WHOLE(bits) ((void)0)
#endif

NN_INLINE float nn_float(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } pun;

    pun.bits = bits;
    return pun.value;
}

NN_INLINE uint32_t nn_bits(float value)
{
    union {
        float value;
        uint32_t bits;
    } pun;

    pun.value = value;
    return pun.bits;
}

/* A finite binary16: 2^112 restores the exponent exactly, subnormals too. */
NN_INLINE float nn_half_finite(uint16_t half)
{
    return nn_float(nn_half_bits(half)) * 5.192296858534828e33f;
}

/* A binary16 that is neither zero nor subnormal, as the generator checks. */
NN_INLINE float nn_half_normal(uint16_t half)
{
    return nn_float(nn_half_bits(half) + (112u << 23));
}

/* The same two with the other sign, for nn_less. */
NN_INLINE float nn_minus_half_finite(uint16_t half)
{
    return nn_float(nn_half_bits(half)) * -5.192296858534828e33f;
}

NN_INLINE float nn_minus_half_normal(uint16_t half)
{
    return nn_float(nn_half_bits(half) + (112u << 23) + 0x80000000u);
}

/* Any binary16. */
NN_INLINE float nn_half(uint16_t half)
{
    if ((half & 0x7C00u) == 0x7C00u) { /* infinity or NaN */
        return nn_float(nn_half_bits(half) | 0x7F800000u);
    }
    return nn_half_finite(half);
}

NN_INLINE float nn_pixel(uint8_t pixel)
{
    return (float)pixel;
}

/* A stored binary16 as it is: 2^112 times too small, where the inputs are as
 * much too large, all of it in the inputs or a part of it in the weights. */
NN_INLINE float nn_half_raw(uint16_t half)
{
    return nn_float(nn_half_bits(half));
}

/* x * 2^power, exactly. */
NN_INLINE float nn_scaled(float x, int32_t power)
{
#if NN_SOFT_FLOAT
    const uint32_t bits = nn_bits(x);

    return nn_float(bits << 1 ? bits + ((uint32_t)power << 23) : bits);
#else
    return x * nn_float((uint32_t)(127 + power) << 23);
#endif
}

/* What is stored for the next layer: 11 bits, halves away from zero. */
NN_INLINE float nn_round(float x)
{
    return nn_float((nn_bits(x) + 0x1000u) & 0xFFFFE000u);
}

/* The same times 2^power, and nothing below the least normal binary16: where
 * products of the next layer might else be too small for a normal float. */
NN_INLINE float nn_round_flush(float x, int32_t power)
{
    const uint32_t scale = (uint32_t)power << 23;
    uint32_t bits = (nn_bits(x) + 0x1000u + scale) & 0xFFFFE000u;

    bits = bits << 1 < 0x71000000u + 2 * scale ? 0 : bits;
    NN_WHOLE(bits);
    return nn_float(bits);
}

#if NN_SOFT_FLOAT

/* Larger bits are larger values, where the sign is made to follow. */
NN_INLINE int32_t nn_order(float x)
{
    const int32_t bits = (int32_t)nn_bits(x);

    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

NN_INLINE float nn_larger(float a, float b)
{
    return nn_order(a) > nn_order(b) ? a : b;
}

NN_INLINE float nn_relu(float x)
{
    return nn_bits(x) >> 31 ? 0.0f : x;
}

NN_INLINE float nn_relu6(float x)
{
    x = nn_relu(x);
    return nn_bits(x) < 0x40C00000u ? x : 6.0f;
}

NN_INLINE float nn_leaky(float x, float alpha)
{
    return nn_bits(x) >> 31 ? x * alpha : x;
}

#else

/* a + x * w, where the product of 11 bits by 11 is exact: fused or not, it is
 * rounded once, so a core with madd.s may use it. */
NN_INLINE float nn_mac(float a, float x, float w)
{
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(x, w, a);
#else
    return a + x * w;
#endif
}

/* a - x * w, which has the bits of a + x * -w. Sums that live through a loop
 * are subtracted from, as that has one operand where the result may stay: a
 * compiler that may swap the two moves sums from register to register. */
NN_INLINE float nn_less(float a, float x, float w)
{
#ifdef __FP_FAST_FMAF
    return __builtin_fmaf(-x, w, a);
#else
    return a - x * w;
#endif
}

/* Of equal values either: none is -0. */
NN_INLINE float nn_larger(float a, float b)
{
    float found = b;

    if (a > b) {
        found = a;
    }
    NN_APART(found);
    return found;
}

NN_INLINE float nn_relu(float x)
{
    return x > 0.0f ? x : 0.0f;
}

NN_INLINE float nn_relu6(float x)
{
    x = nn_relu(x);
    return x < 6.0f ? x : 6.0f;
}

/* 0 <= alpha <= 1, as the generator checks. */
NN_INLINE float nn_leaky(float x, float alpha)
{
    return nn_larger(x, x * alpha);
}

#endif

/* Rows of padding above those that a max pool reads: less than any value. */
NN_INLINE void nn_fill(nn_real_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        rows[i] = nn_float(0xFF7FFFFFu);
    }
}

/* The oldest of the kept rows becomes the last, to be written anew. */
NN_INLINE void nn_turn(nn_real_t **rows, int32_t count)
{
    nn_real_t *const oldest = rows[0];

    for (int32_t i = 1; i < count; ++i) {
        rows[i - 1] = rows[i];
    }
    rows[count - 1] = oldest;
}

/* Keep `keep` values of the rows, which are `drop` values further down. */
NN_INLINE void nn_slide(nn_real_t *rows, uint32_t drop, uint32_t keep)
{
    const nn_real_t *from = rows + drop;
    uint32_t i = 0;

    for (; i + 4 <= keep; i += 4) {
        const nn_real_t a = from[i], b = from[i + 1];
        const nn_real_t c = from[i + 2], d = from[i + 3];

        rows[i] = a;
        rows[i + 1] = b;
        rows[i + 2] = c;
        rows[i + 3] = d;
    }
    for (; i < keep; ++i) {
        rows[i] = from[i];
    }
}

#endif
