/* SPDX-License-Identifier: MIT
 *
 * SQUARED_DIFFERENCE of one element.
 */
#ifndef NN_SQUARED_H
#define NN_SQUARED_H

#include "nn_int8.h"

NN_INLINE int32_t nn_squared(int32_t apart, int32_t multiplier, int32_t shift)
{
    return nn_scale(apart * apart, multiplier, shift);
}

#endif
