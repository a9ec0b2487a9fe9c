/* SPDX-License-Identifier: MIT
 *
 * A few rows of an image with its border filled in.
 *
 * Layers with padding read from such a window instead of from the image. It
 * moves down as the output grows; each row of the image is read once, so the
 * output may overwrite the image behind it.
 */
#ifndef NN_LINE_BUFFER_H
#define NN_LINE_BUFFER_H

#include "nn_common.h"

/* rows: `count` rows of `width` bytes. in: `in_h` rows, `pitch` apart, of which
 * `copied` bytes are used; they stand `left` bytes from the window's left edge.
 * `top` is the image row of the window's first row, negative above the image.
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

#endif
