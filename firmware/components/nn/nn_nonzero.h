/* SPDX-License-Identifier: MIT
 *
 * The values of a position that are not zero, and where their weights are.
 *
 * Behind a ReLU about half of all bytes u are zero; their products change no
 * sum and are left out. So the time depends on the input.
 */
#ifndef NN_NONZERO_H
#define NN_NONZERO_H

#include "nn_common.h"

#include <stdint.h>

typedef struct {
    uint16_t weights; /* where they begin, in elements */
    uint16_t u;
} nn_value_t;

#define NN_NONZERO_NEXT(i)                                   \
    do {                                                     \
        const int32_t u = in[(i)];                           \
                                                             \
        if (u != 0) {                                        \
            end->weights = (uint16_t)(weights + (i) * step); \
            end->u = (uint16_t)u;                            \
            ++end;                                           \
        }                                                    \
    } while (0)

/* Those of `count` values, the weights of each `step` elements long. There is
 * room for one more than all: the list is filled up to an even length with a
 * zero. Returns its end. */
NN_INLINE nn_value_t *nn_nonzero(const uint8_t *in, int32_t count, int32_t step,
                                 nn_value_t *values)
{
    nn_value_t *end = values;
    int32_t weights = 0;

    for (int32_t left = count / 4; left > 0; --left) {
        NN_NONZERO_NEXT(0);
        NN_NONZERO_NEXT(1);
        NN_NONZERO_NEXT(2);
        NN_NONZERO_NEXT(3);
        in += 4;
        weights += 4 * step;
    }
    for (int32_t left = count % 4; left > 0; --left) {
        NN_NONZERO_NEXT(0);
        ++in;
        weights += step;
    }
    if (((end - values) & 1) != 0) {
        end->weights = 0;
        end->u = 0;
        ++end;
    }
    return end;
}

#endif
