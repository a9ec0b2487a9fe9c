/* float16 storage, float32 arithmetic.
 *
 * nn_half decodes IEEE binary16 exactly, infinities and NaNs included. nn_mac
 * is a + round(x * w), two roundings, never fused: compile with
 * -ffp-contract=off. A core without an FPU calls its runtime for each of them.
 */
#ifndef NN_F16_H
#define NN_F16_H

#include "nn_common.h"

#include <stdint.h>

/* Bits of a binary16, as binary32 with an exponent too small by 112. */
NN_INLINE uint32_t nn_half_bits(uint16_t half)
{
    return (((uint32_t)(int32_t)(int16_t)half) << 13) & 0x8FFFE000u;
}

typedef float nn_real_t;

NN_INLINE float nn_float(uint32_t bits)
{
    union {
        uint32_t bits;
        float value;
    } pun;

    pun.bits = bits;
    return pun.value;
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

/* Any binary16. */
NN_INLINE float nn_half(uint16_t half)
{
    if ((half & 0x7C00u) == 0x7C00u) { /* infinity or NaN */
        return nn_float(nn_half_bits(half) | 0x7F800000u);
    }
    return nn_half_finite(half);
}

NN_INLINE float nn_zero(void)
{
    return 0.0f;
}

NN_INLINE float nn_constant(uint32_t bits)
{
    return nn_float(bits);
}

NN_INLINE float nn_pixel(uint8_t pixel)
{
    return (float)pixel;
}

NN_INLINE float nn_mac(float a, float x, float w)
{
    return a + x * w;
}

NN_INLINE float nn_product(float a, float b)
{
    return a * b;
}

/* The first of equal values stays: +0 and -0 keep their order. */
NN_INLINE float nn_larger(float a, float b)
{
    return a > b ? a : b;
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

NN_INLINE float nn_leaky(float x, float alpha)
{
    return x >= 0.0f ? x : x * alpha;
}

/* Keep the last `keep` values of a window, `drop` values further down. */
NN_INLINE void nn_slide(nn_real_t *window, uint32_t drop, uint32_t keep)
{
    const nn_real_t *from = window + drop;
    uint32_t i = 0;

    for (; i + 4 <= keep; i += 4) {
        const nn_real_t a = from[i], b = from[i + 1];
        const nn_real_t c = from[i + 2], d = from[i + 3];

        window[i] = a;
        window[i + 1] = b;
        window[i + 2] = c;
        window[i + 3] = d;
    }
    for (; i < keep; ++i) {
        window[i] = from[i];
    }
}

#endif
