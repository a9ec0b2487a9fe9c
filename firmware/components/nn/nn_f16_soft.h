/* SPDX-License-Identifier: MIT
 *
 * float16 storage where there is no FPU: sums of products in whole numbers.
 *
 * An activation has 11 significant bits and is zero or normal, a weight is
 * binary16, so their product is a whole number of 22 bits. nn_dot keeps the
 * sum as sum * 2^exponent and rounds it to 24 bits, ties to even, after every
 * product: the bits of a float's multiply-add, in a third of soft float's
 * instructions. The generator makes sure that no sum is too small or too
 * large for a normal float, and that no bias is -0: no value here ever is.
 */
#ifndef NN_F16_SOFT_H
#define NN_F16_SOFT_H

#include "nn_f16.h"

/* A network may need but one of two functions. */
#if defined(__GNUC__)
#define NN_SPARE __attribute__((unused))
#else
#define NN_SPARE
#endif

#define NN_NOTHING (-10000) /* exponent of a sum that is zero */

NN_INLINE int32_t nn_left(int32_t x, int32_t bits)
{
    return (int32_t)((uint32_t)x << bits);
}

/* x / 2^bits; the last bit says too whether anything was lost. */
NN_INLINE int32_t nn_jam(int32_t x, int32_t bits)
{
    const int32_t shift = bits < 30 ? bits : 30;
    const int32_t lost = x & (int32_t)((1u << shift) - 1u);

    return (x >> shift) | (lost != 0);
}

/* A multiple of 2^exponent, with 6 bits more than a float has: 24 bits. */
typedef struct {
    int32_t sum;
    int32_t exponent; /* of a float's last bit, biased as in the float */
} nn_sum_t;

/* a + product * 2^exponent where the product's last bit is above the sum's. */
NN_LAYER int32_t nn_add_large(nn_sum_t *a, int32_t product, int32_t exponent)
{
    const int32_t old = a->sum;
    int32_t distance;

    while (exponent > a->exponent && (product ^ (product >> 31)) < 1 << 23) {
        product = nn_left(product, 1);
        --exponent;
    }
    distance = exponent - a->exponent;
    if (distance == 0) {
        return nn_left(old, 6) + nn_left(product, 6);
    }
    a->exponent = exponent;
    return nn_left(product, 6)
           + (distance > 6 ? nn_jam(old, distance - 6)
                           : nn_left(old, 6 - distance));
}

/* nn_dot, where products are 2^unit times too large and have the sign `minus`:
 * both are constants once a compiler has put it in. */
NN_INLINE float nn_dot_in(int32_t unit, uint32_t minus, float start,
                          const float *const *rows, int32_t at,
                          const uint16_t *w, int32_t height, int32_t count)
{
    const uint32_t first = nn_bits(start) ^ minus;
    nn_sum_t a = {0, NN_NOTHING};
    uint32_t size;

    if (first << 1 != 0) {
        a.sum = (int32_t)((first & 0x7FFFFFu) | 0x800000u);
        a.sum = first >> 31 ? -a.sum : a.sum;
        a.exponent = (int32_t)(first >> 23 & 255u) + unit;
    }
    for (; height > 0; --height, ++rows) {
        const float *const v = *rows + at;

        for (int32_t k = 0; k < count; ++k) {
            const uint32_t x = nn_bits(v[k]);
            const uint32_t half = *w++;
            int32_t fraction = (int32_t)(half & 0x3FFu);
            int32_t power = (int32_t)(half >> 10 & 31u);
            int32_t product, sign, exponent, distance, sum, large;

            if (x == 0) {
                continue;
            }
            if (power != 0) {
                fraction |= 0x400;
            } else if (fraction != 0) {
                power = 1;
            } else {
                continue;
            }
            product = (int32_t)((x >> 13 & 0x3FFu) | 0x400u) * fraction;
            sign = (int32_t)(x ^ half << 16) >> 31;
            product = (product ^ sign) - sign;
            exponent = (int32_t)(x >> 23 & 255u) + power - 12;
            distance = a.exponent - exponent;
            if (distance < 0) {
                sum = nn_add_large(&a, product, exponent);
            } else if (distance <= 6) {
                sum = nn_left(a.sum, 6) + nn_left(product, 6 - distance);
            } else {
                sum = nn_left(a.sum, 6) + nn_jam(product, distance - 6);
            }
            large = sum ^ (sum >> 31);
            if (large >> 30) {
                a.sum = (sum + 63 + (sum >> 7 & 1)) >> 7;
                ++a.exponent;
                continue;
            }
            if (large >> 29 == 0) {
                if (sum == 0) {
                    a.sum = 0;
                    a.exponent = NN_NOTHING;
                    continue;
                }
                do {
                    sum = nn_left(sum, 1);
                    --a.exponent;
                    large = sum ^ (sum >> 31);
                } while (large >> 29 == 0);
            }
            a.sum = (sum + 31 + (sum >> 6 & 1)) >> 6;
        }
    }
    if (a.sum == 0) {
        return 0.0f;
    }
    size = (uint32_t)(a.sum < 0 ? -a.sum : a.sum);
    return nn_float((a.sum < 0 ? minus ^ 0x80000000u : minus)
                    | (((uint32_t)(a.exponent - unit - 1) << 23) + size));
}

/* start + v[0] * w[0] + v[1] * w[1] + ... over `height` rows of `count` inputs
 * from `at` on; the weights are contiguous. */
NN_SPARE NN_LAYER float nn_dot(float start, const float *const *rows,
                               int32_t at, const uint16_t *w, int32_t height,
                               int32_t count)
{
    return nn_dot_in(0, 0, start, rows, at, w, height, count);
}

/* The same of inputs and weights as nn_half_raw and nn_less take them. */
NN_SPARE NN_LAYER float nn_dot_raw(float start, const float *const *rows,
                                   int32_t at, const uint16_t *w,
                                   int32_t height, int32_t count)
{
    return nn_dot_in(112, 0x80000000u, start, rows, at, w, height, count);
}

#endif
