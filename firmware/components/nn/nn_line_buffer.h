/* SPDX-License-Identifier: MIT
 *
 * A few rows of an image with its border filled in.
 *
 * Layers with padding read from such a line buffer instead of from the image.
 * It moves down as the output grows; each row of the image is read once, so
 * the output may overwrite the image behind it.
 */
#ifndef NN_LINE_BUFFER_H
#define NN_LINE_BUFFER_H

#include "nn_common.h"

/* rows: `count` rows of `width` bytes. in: `in_h` rows, `pitch` apart, of which
 * `copied` bytes are used; they stand `left` bytes from the left edge of `rows`.
 * `top` is the row of the image that the first of `rows` is, negative above it.
 * At the first call all rows are filled, then the last `step` ones. */
NN_INLINE void nn_line_buffer(uint8_t *rows, const uint8_t *in, int32_t in_h,
                              int32_t pitch, int32_t top, int32_t count,
                              int32_t step, int32_t width, int32_t left,
                              int32_t copied, uint8_t fill, int32_t first)
{
    int32_t row = 0;

    if (!first && step < count) {
        const int32_t kept = (count - step) * width;

        for (int32_t i = 0; i < kept; ++i) {
            rows[i] = rows[i + step * width];
        }
        row = count - step;
    }
    for (; row < count; ++row) {
        uint8_t *const to = rows + row * width;
        const int32_t y = top + row;

        if (y < 0 || y >= in_h) {
            for (int32_t i = 0; i < width; ++i) {
                to[i] = fill;
            }
            continue;
        }
        for (int32_t i = 0; i < left; ++i) {
            to[i] = fill;
        }
        for (int32_t i = 0; i < copied; ++i) {
            to[left + i] = in[y * pitch + i];
        }
        for (int32_t i = left + copied; i < width; ++i) {
            to[i] = fill;
        }
    }
}

/* ==== The same in whole words ==== */

/* `bytes` from `from` on, which lies behind `to` or apart from it: all are
 * multiples of 4. Four at a time: compilers make no call of it. */
NN_INLINE void nn_words_move(uint8_t *to, const uint8_t *from, int32_t bytes)
{
    uint32_t *t = (uint32_t *)(void *)to;
    const uint32_t *f = (const uint32_t *)(const void *)from;
    int32_t left = bytes;

    for (; left >= 16; left -= 16) {
        const uint32_t a = f[0];
        const uint32_t b = f[1];
        const uint32_t c = f[2];
        const uint32_t d = f[3];

        t[0] = a;
        t[1] = b;
        t[2] = c;
        t[3] = d;
        t += 4;
        f += 4;
    }
    for (; left > 0; left -= 4) {
        *t++ = *f++;
    }
}

NN_INLINE void nn_words_fill(uint8_t *to, uint8_t fill, int32_t bytes)
{
    uint32_t *t = (uint32_t *)(void *)to;
    const uint32_t all = fill * 0x01010101u;
    int32_t left = bytes;

    for (; left >= 16; left -= 16) {
        t[0] = all;
        t[1] = all;
        t[2] = all;
        t[3] = all;
        t += 4;
    }
    for (; left > 0; left -= 4) {
        *t++ = all;
    }
}

/* As nn_line_buffer, where all sizes and places are multiples of 4. */
NN_INLINE void nn_line_buffer_words(uint8_t *rows, const uint8_t *in,
                                    int32_t in_h, int32_t pitch, int32_t top,
                                    int32_t count, int32_t step, int32_t width,
                                    int32_t left, int32_t copied, uint8_t fill,
                                    int32_t first)
{
    const int32_t right = width - left - copied;
    int32_t row = 0;

    if (!first && step < count) {
        row = count - step;
        nn_words_move(rows, rows + step * width, row * width);
    }
    for (; row < count; ++row) {
        uint8_t *const to = rows + row * width;
        const int32_t y = top + row;

        if (y < 0 || y >= in_h) {
            nn_words_fill(to, fill, width);
            continue;
        }
        nn_words_fill(to, fill, left);
        nn_words_move(to + left, in + y * pitch, copied);
        nn_words_fill(to + left + copied, fill, right);
    }
}

#endif
