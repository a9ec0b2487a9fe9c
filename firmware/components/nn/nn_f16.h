/* float16 storage, float32 arithmetic.
 *
 * nn_half decodes IEEE binary16 exactly, infinities and NaNs included. nn_mac
 * is a + round(x * w), two roundings, never fused: compile with
 * -ffp-contract=off.
 */
#ifndef NN_F16_H
#define NN_F16_H

#include "nn_common.h"

#include <stdint.h>
#include <string.h>

NN_INLINE float nn_float(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

NN_INLINE uint32_t nn_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* sign 1, exponent 5, fraction 10  ->  sign 1, exponent 8, fraction 23 */
NN_INLINE float nn_half(uint16_t half)
{
    const uint32_t sign = ((uint32_t)half & 0x8000u) << 16;
    uint32_t exponent = ((uint32_t)half >> 10) & 0x1Fu;
    uint32_t fraction = (uint32_t)half & 0x3FFu;

    if (exponent == 0x1Fu) { /* infinity or NaN */
        exponent = 0xFFu;
    } else if (exponent != 0u) {
        exponent += 127u - 15u;
    } else if (fraction != 0u) { /* subnormal: normal in binary32 */
        exponent = 127u - 14u;
        while ((fraction & 0x400u) == 0u) {
            fraction <<= 1;
            --exponent;
        }
        fraction &= 0x3FFu;
    }
    return nn_float(sign | (exponent << 23) | (fraction << 13));
}

NN_INLINE float nn_mac(float a, float x, float w)
{
    return a + x * w;
}

/* The first of equal values stays: +0 and -0 keep their order. */
NN_INLINE float nn_maxf(float a, float b)
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

#endif
