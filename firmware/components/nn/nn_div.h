/* SPDX-License-Identifier: MIT
 *
 * DIV of bytes, as TFLite computes it: the dividend as far left as it goes,
 * times the divisor's reciprocal.
 */
#ifndef NN_DIV_H
#define NN_DIV_H

#include "nn_int8.h"

/* inverse, bits: 1 / d in Q0.31 over a power of two, by d = 0..255. */
NN_INLINE int32_t nn_div(int32_t x, int32_t y, const int32_t *inverse,
                         const int8_t *bits, int32_t multiplier, int32_t shift)
{
    const int32_t d = y < 0 ? -y : y;
    int32_t headroom = 31;

    x = y < 0 ? -x : x;
    for (int32_t rest = x < 0 ? ~x : x; rest > 0; rest >>= 1) {
        --headroom;
    }
    if (x == 0) { /* and no shift is too wide */
        return 0;
    }
    return nn_scale(nn_scale(x, inverse[d], headroom), multiplier,
                    shift - bits[d] - headroom);
}

#endif
