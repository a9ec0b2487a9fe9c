/* SPDX-License-Identifier: MIT
 *
 * PRELU of one element, with TFLite's two roundings.
 */
#ifndef NN_PRELU_H
#define NN_PRELU_H

#include "nn_int8.h"

/* x by one scale where it is not negative, else x * alpha by another one. */
NN_INLINE int32_t nn_prelu(int32_t x, int32_t alpha, int32_t rising,
                           int32_t rising_shift, int32_t falling,
                           int32_t falling_shift)
{
    return x >= 0 ? nn_scale(x, rising, rising_shift)
                  : nn_scale(x * alpha, falling, falling_shift);
}

#endif
