/* SPDX-License-Identifier: MIT
 *
 * Activations whose pixels and rows lie at any distance, and their bytes
 * without gaps: between a core that has layouts of its own and all others.
 */
#ifndef NN_STRIDED_H
#define NN_STRIDED_H

#include <stdint.h>

#include "nn_common.h"

/* Channel c of pixel (y, x) is at y * row + x * pixel + c. */
typedef struct {
    int32_t height, width, channels;
    int32_t pixel, row; /* bytes from one to the next */
} nn_strided_t;

NN_INLINE nn_strided_t nn_strided(int32_t height, int32_t width,
                                  int32_t channels, int32_t pixel, int32_t row)
{
    nn_strided_t s;

    s.height = height;
    s.width = width;
    s.channels = channels;
    s.pixel = pixel;
    s.row = row;
    return s;
}

enum {
    NN_STRIDED_SIGN = 0x80, /* between q and u = q + 128 */
    NN_STRIDED_SHOWN = 64   /* bytes that a hook is given at once */
};

/* out[i] = in[i] ^ flip, the output without gaps. */
NN_INLINE void nn_strided_pack(uint8_t *out, const uint8_t *in, nn_strided_t s,
                               uint8_t flip)
{
    for (int32_t y = 0; y < s.height; ++y) {
        for (int32_t x = 0; x < s.width; ++x) {
            for (int32_t c = 0; c < s.channels; ++c) {
                *out++ = (uint8_t)(in[y * s.row + x * s.pixel + c] ^ flip);
            }
        }
    }
}

/* The way back. */
NN_INLINE void nn_strided_unpack(uint8_t *out, const uint8_t *in,
                                 nn_strided_t s, uint8_t flip)
{
    for (int32_t y = 0; y < s.height; ++y) {
        for (int32_t x = 0; x < s.width; ++x) {
            for (int32_t c = 0; c < s.channels; ++c) {
                out[y * s.row + x * s.pixel + c] = (uint8_t)(*in++ ^ flip);
            }
        }
    }
}

/* Show an output to a hook without gaps, a few bytes at a time. */
NN_INLINE void nn_strided_show(void (*hook)(void *, uint32_t, const void *,
                                            uint32_t),
                               void *context, uint32_t stage, const uint8_t *in,
                               nn_strided_t s, uint8_t flip)
{
    uint8_t bytes[NN_STRIDED_SHOWN];
    uint32_t count = 0;

    for (int32_t y = 0; y < s.height; ++y) {
        for (int32_t x = 0; x < s.width; ++x) {
            for (int32_t c = 0; c < s.channels; ++c) {
                bytes[count++] =
                    (uint8_t)(in[y * s.row + x * s.pixel + c] ^ flip);
                if (count == NN_STRIDED_SHOWN) {
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
