/* SPDX-License-Identifier: MIT
 * Portable kernels over int8 activations whose pixels and rows lie at any
 * distance: what a core with layouts of its own has no kernel for.
 */
#ifndef NN_STRIDED_H
#define NN_STRIDED_H

#include <stdint.h>

/* An activation: q of pixel (y, x), channel c at y * row + x * pixel + c. */
typedef struct {
    int32_t height, width, channels;
    int32_t pixel, row; /* bytes from one to the next */
} nn_layout_t;

enum { NN_SHOWN = 64 }; /* bytes that a hook is given at once */

/* Show a stage's output to a hook, as the portable engine has it: without
 * gaps, u = q + 128; `flip` is 0 where it wants q (the logits). */
static inline void nn_strided_show(void (*hook)(void *, uint32_t, const void *,
                                                uint32_t),
                                   void *context, uint32_t stage,
                                   const int8_t *in, nn_layout_t s, uint8_t flip)
{
    uint8_t bytes[NN_SHOWN];
    uint32_t count = 0;

    for (int32_t y = 0; y < s.height; ++y) {
        for (int32_t x = 0; x < s.width; ++x) {
            for (int32_t c = 0; c < s.channels; ++c) {
                const int8_t q = in[y * s.row + x * s.pixel + c];

                bytes[count++] = (uint8_t)((uint8_t)q ^ flip);
                if (count == NN_SHOWN) {
                    hook(context, stage, bytes, count);
                    count = 0;
                }
            }
        }
    }
    if (count > 0) {
        hook(context, stage, bytes, count);
    }
}

#endif
