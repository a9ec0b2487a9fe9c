/* SPDX-License-Identifier: MIT
 *
 * A strip of rows between a convolution and the pool behind it.
 *
 * It lies on a multiple of 4 and its rows are whole words long, so that they
 * are moved a word at a time.
 */
#ifndef NN_STRIP_H
#define NN_STRIP_H

#include "nn_common.h"

#include <stdint.h>

/* Zeros are the least of all bytes u: they change no maximum. */
NN_INLINE void nn_strip_clear(uint8_t *strip, int32_t words)
{
    uint32_t *const to = (uint32_t *)(void *)strip;

    for (int32_t i = 0; i < words; ++i) {
        to[i] = 0;
    }
}

/* Before a row's first sum there is no maximum. */
NN_INLINE void nn_strip_least(int32_t *maxima, int32_t count)
{
    for (int32_t i = 0; i < count; ++i) {
        maxima[i] = INT32_MIN;
    }
}

/* The words from `first` on become the first ones. */
NN_INLINE void nn_strip_move(uint8_t *strip, int32_t first, int32_t words)
{
    uint32_t *const to = (uint32_t *)(void *)strip;

    for (int32_t i = 0; i < words; ++i) {
        to[i] = to[first + i];
    }
}

#endif
