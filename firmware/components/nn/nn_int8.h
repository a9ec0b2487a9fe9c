/* SPDX-License-Identifier: MIT
 *
 * Integer kernels shared by all generated networks: requantisation.
 *
 * Activations are bytes u = q + 128, so that a raw pixel is one. A layer's
 * sum of products becomes such a byte by
 *
 *     single: u = clamp((sum * M + C) >> s)
 *     split:  t = sum + bias, u = clamp((t * Mh + ((t * Ml + C) >> k)) >> s)
 *     signed: the same with another C below zero, and the zero point apart
 *     checked: as split, but wide where t lies just above a step
 *     triple: as signed with M in three parts, where sums are large
 *     wide:   TFLite's definition, two roundings in 64 bits
 *
 * The generator proves for every channel that the others equal wide on
 * every sum that can occur, and that nothing leaves int32; else it emits wide.
 * Right shifts of negative numbers are arithmetic on every compiler we use.
 */
#ifndef NN_INT8_H
#define NN_INT8_H

#include "nn_common.h"

#include <stdint.h>

/* M and C of one output channel. */
typedef struct {
    int32_t multiplier;
    int32_t offset;
} nn_single_t;

/* M = high * 2^k + low. */
typedef struct {
    int32_t high;
    int32_t low;
    int32_t offset;
    int32_t bias;
} nn_split_t;

typedef struct {
    int32_t high;
    int32_t low;
    int32_t offset;
    int32_t negative;
    int32_t bias;
} nn_signed_t;

typedef struct {
    int32_t high;
    int32_t low;
    int32_t offset;
    int32_t bias;
    int32_t moved; /* what the bias holds more than TFLite's */
    int32_t multiplier;
    int32_t shift;
} nn_checked_t;

/* M = (high * 2^k + middle) * 2^k + low. */
typedef struct {
    int32_t high;
    int32_t middle;
    int32_t low;
    int32_t offset;
    int32_t negative;
    int32_t bias;
} nn_triple_t;

typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t bias;
} nn_wide_t;

NN_INLINE int32_t nn_clamp(int32_t u, int32_t low, int32_t high)
{
    if (low == 0 && high == 255) { /* one comparison in the usual case */
        if ((uint32_t)u > 255u) {
            u = u < 0 ? 0 : 255;
        }
        return u;
    }
    return u < low ? low : (u > high ? high : u);
}

NN_INLINE int32_t nn_single(int32_t sum, const nn_single_t *k, int shift)
{
    return (sum * k->multiplier + k->offset) >> shift;
}

NN_INLINE int32_t nn_split(int32_t t, const nn_split_t *k, int low_bits,
                           int shift)
{
    const int32_t part = (t * k->low + k->offset) >> low_bits;

    return (t * k->high + part) >> shift;
}

/* Halves are rounded away from zero: below zero the steps come later. */
NN_INLINE int32_t nn_signed(int32_t t, const nn_signed_t *k, int low_bits,
                            int shift, int32_t centre)
{
    const int32_t offset = t < 0 ? k->negative : k->offset;
    const int32_t part = (t * k->low + offset) >> low_bits;

    return (t * k->high + part + centre) >> shift;
}

NN_INLINE int32_t nn_triple(int32_t t, const nn_triple_t *k, int low_bits,
                            int shift, int32_t centre)
{
    const int32_t offset = t < 0 ? k->negative : k->offset;
    const int32_t low = (t * k->low) >> low_bits;
    const int32_t part = (t * k->middle + offset + low) >> low_bits;

    return (t * k->high + part + centre) >> shift;
}

/* x / 2^shift, to nearest, halves away from zero. */
NN_INLINE int32_t nn_divide_by_power(int32_t x, int32_t shift)
{
    const int32_t mask = (int32_t)((1u << shift) - 1u);
    const int32_t half = (mask >> 1) + (x < 0);

    return (x >> shift) + ((x & mask) > half);
}

/* sum * 2^shift * multiplier / 2^31, rounded twice as TFLite does. */
NN_INLINE int32_t nn_scale(int32_t sum, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int64_t product = (int64_t)sum * ((int64_t)1 << left) * multiplier;

    return nn_divide_by_power((int32_t)((product + (1 << 30)) >> 31), right);
}

/* TFLite's own form of a sum that is 2^power times too large. */
NN_RARE int32_t nn_doubted(int32_t t, const nn_checked_t *k, int power)
{
    return nn_scale((t - k->moved) >> power, k->multiplier, k->shift);
}

/* No step comes too late; where one may be early, `doubt` bits are zero. */
NN_INLINE int32_t nn_checked(int32_t t, const nn_checked_t *k, int low_bits,
                             int shift, int doubt, int power, int32_t zero)
{
    const int32_t part = (t * k->low + k->offset) >> low_bits;
    const int32_t v = t * k->high + part;

    if ((((uint32_t)v >> (shift - doubt)) & ((1u << doubt) - 1u)) == 0) {
        return nn_doubted(t, k, power) + zero;
    }
    return v >> shift;
}

/* A sum whose byte has to be looked at again. */
typedef struct {
    int32_t t;
    const nn_checked_t *k;
    void *out;
} nn_doubt_t;

/* The same where sums fill the registers: no call, a note for later. */
NN_INLINE int32_t nn_noted(int32_t t, const nn_checked_t *k, int low_bits,
                           int shift, int doubt, void *out, nn_doubt_t **notes)
{
    const int32_t part = (t * k->low + k->offset) >> low_bits;
    const int32_t v = t * k->high + part;

    if ((((uint32_t)v >> (shift - doubt)) & ((1u << doubt) - 1u)) == 0) {
        (*notes)->t = t;
        (*notes)->k = k;
        (*notes)->out = out;
        ++*notes;
    }
    return v >> shift;
}

NN_INLINE int32_t nn_wide(int32_t sum, const nn_wide_t *k)
{
    return nn_scale(sum, k->multiplier, k->shift);
}

#endif
