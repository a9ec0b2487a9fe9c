/* SPDX-License-Identifier: MIT
 *
 * Winograd F(2x2, 3x3) in integers, exact.
 *
 * A tile of 4x4 inputs d and a filter g give 2x2 outputs with 16 products
 * instead of 36:  4 y = A' ((2G g 2G') * (B' d B)) A.  The generator stores
 * U = 2G g 2G'; the factor 4 is taken out at requantisation.
 *
 *     B' = 1  0 -1  0     A' = 1 1  1  0
 *          0  1  1  0          0 1 -1 -1
 *          0 -1  1  0
 *          0  1  0 -1
 */
#ifndef NN_WINOGRAD_H
#define NN_WINOGRAD_H

#include "nn_common.h"

/* One row of B' d B: a and b are two input rows, already chosen and signed. A
 * sum that stood in the cast would be taken in 16 bits, each part masked. */
#define NN_WINOGRAD_ROW(v, step, op, a, b, depth)                        \
    do {                                                                 \
        const int32_t t0 = (int32_t)(a)[0] op(b)[0];                     \
        const int32_t t1 = (int32_t)(a)[(depth)] op(b)[(depth)];         \
        const int32_t t2 = (int32_t)(a)[2 * (depth)] op(b)[2 * (depth)]; \
        const int32_t t3 = (int32_t)(a)[3 * (depth)] op(b)[3 * (depth)]; \
        const int32_t v0 = t0 - t2;                                      \
        const int32_t v1 = t1 + t2;                                      \
        const int32_t v2 = t2 - t1;                                      \
        const int32_t v3 = t1 - t3;                                      \
                                                                         \
        (v)[0] = (int16_t)v0;                                            \
        (v)[(step)] = (int16_t)v1;                                       \
        (v)[2 * (step)] = (int16_t)v2;                                   \
        (v)[3 * (step)] = (int16_t)v3;                                   \
    } while (0)

/* V = B' d B of `depth` channels; element (f, channel) at v[f * step +
 * channel * lanes]. Rows of d are `pitch` elements apart, pixels `depth`. */
NN_INLINE void nn_winograd_input(const uint8_t *d, int32_t pitch, int32_t depth,
                                 int16_t *v, int32_t step, int32_t lanes)
{
    const uint8_t *r0 = d;
    const uint8_t *r1 = r0 + pitch;
    const uint8_t *r2 = r1 + pitch;
    const uint8_t *r3 = r2 + pitch;

    for (int32_t c = 0; c < depth; ++c) {
        NN_WINOGRAD_ROW(v, step, -, r0, r2, depth);
        NN_WINOGRAD_ROW(v + 4 * step, step, +, r1, r2, depth);
        NN_WINOGRAD_ROW(v + 8 * step, step, -, r2, r1, depth);
        NN_WINOGRAD_ROW(v + 12 * step, step, -, r1, r3, depth);
        ++r0;
        ++r1;
        ++r2;
        ++r3;
        v += lanes;
    }
}

/* The same row for two tiles side by side, which share two columns. */
#define NN_WINOGRAD_ROWS(v, step, op, a, b, depth)                       \
    do {                                                                 \
        const int32_t t2 = (int32_t)(a)[2 * (depth)] op(b)[2 * (depth)]; \
        const int32_t t3 = (int32_t)(a)[3 * (depth)] op(b)[3 * (depth)]; \
        const int32_t t0 = (int32_t)(a)[0] op(b)[0];                     \
        const int32_t t1 = (int32_t)(a)[(depth)] op(b)[(depth)];         \
        const int32_t t4 = (int32_t)(a)[4 * (depth)] op(b)[4 * (depth)]; \
        const int32_t t5 = (int32_t)(a)[5 * (depth)] op(b)[5 * (depth)]; \
        const int32_t v0 = t0 - t2;                                      \
        const int32_t v1 = t1 + t2;                                      \
        const int32_t v2 = t2 - t1;                                      \
        const int32_t v3 = t1 - t3;                                      \
        const int32_t w0 = t2 - t4;                                      \
        const int32_t w1 = t3 + t4;                                      \
        const int32_t w2 = t4 - t3;                                      \
        const int32_t w3 = t3 - t5;                                      \
                                                                         \
        (v)[0] = (int16_t)v0;                                            \
        (v)[(step)] = (int16_t)v1;                                       \
        (v)[2 * (step)] = (int16_t)v2;                                   \
        (v)[3 * (step)] = (int16_t)v3;                                   \
        (v)[1] = (int16_t)w0;                                            \
        (v)[(step) + 1] = (int16_t)w1;                                   \
        (v)[2 * (step) + 1] = (int16_t)w2;                               \
        (v)[3 * (step) + 1] = (int16_t)w3;                               \
    } while (0)

/* V of the tiles at d and two pixels to its right, interleaved. */
NN_INLINE void nn_winograd_inputs(const uint8_t *d, int32_t pitch,
                                  int32_t depth, int16_t *v, int32_t step)
{
    const uint8_t *r0 = d;
    const uint8_t *r1 = r0 + pitch;
    const uint8_t *r2 = r1 + pitch;
    const uint8_t *r3 = r2 + pitch;

    for (int32_t c = 0; c < depth; ++c) {
        NN_WINOGRAD_ROWS(v, step, -, r0, r2, depth);
        NN_WINOGRAD_ROWS(v + 4 * step, step, +, r1, r2, depth);
        NN_WINOGRAD_ROWS(v + 8 * step, step, -, r2, r1, depth);
        NN_WINOGRAD_ROWS(v + 12 * step, step, -, r1, r3, depth);
        ++r0;
        ++r1;
        ++r2;
        ++r3;
        v += 2;
    }
}

/* A row of a tile of one channel: s and d are its products m with the filter's
 * row u, times A: m0 + m1 + m2 and m1 - m2 - m3. */
#define NN_WINOGRAD_SUMS1(u, v, s, d)       \
    do {                                    \
        const int32_t m1 = (v)[1] * (u)[1]; \
        const int32_t m2 = (v)[2] * (u)[2]; \
                                            \
        (s) = (v)[0] * (u)[0] + m1 + m2;    \
        (d) = m1 - m2 - (v)[3] * (u)[3];    \
    } while (0)

/* The same of two tiles, interleaved in v. A weight is loaded once and used up
 * before the next: the cores have few registers. */
#define NN_WINOGRAD_SUMS2(u, v, s0, d0, s1, d1) \
    do {                                        \
        const int32_t w0 = (u)[0];              \
        (s0) = (v)[0] * w0;                     \
        (s1) = (v)[1] * w0;                     \
        const int32_t w1 = (u)[1];              \
        const int32_t m1 = (v)[2] * w1;         \
        (s0) += m1;                             \
        (d0) = m1;                              \
        const int32_t n1 = (v)[3] * w1;         \
        (s1) += n1;                             \
        (d1) = n1;                              \
        const int32_t w2 = (u)[2];              \
        const int32_t m2 = (v)[4] * w2;         \
        (s0) += m2;                             \
        (d0) -= m2;                             \
        const int32_t n2 = (v)[5] * w2;         \
        (s1) += n2;                             \
        (d1) -= n2;                             \
        const int32_t w3 = (u)[3];              \
        (d0) -= (v)[6] * w3;                    \
        (d1) -= (v)[7] * w3;                    \
    } while (0)

typedef struct {
    int32_t y00;
    int32_t y01;
    int32_t y10;
    int32_t y11;
} nn_tile_t;

/* 4 y = A' m A; element f at m[f * step]. */
NN_INLINE nn_tile_t nn_winograd_output(const int32_t *m, int32_t step)
{
    nn_tile_t tile;
    int32_t s, d;

    s = m[0] + m[step] + m[2 * step];
    d = m[step] - m[2 * step] - m[3 * step];
    tile.y00 = s;
    tile.y01 = d;
    m += 4 * step;
    s = m[0] + m[step] + m[2 * step];
    d = m[step] - m[2 * step] - m[3 * step];
    tile.y00 += s;
    tile.y01 += d;
    tile.y10 = s;
    tile.y11 = d;
    m += 4 * step;
    s = m[0] + m[step] + m[2 * step];
    d = m[step] - m[2 * step] - m[3 * step];
    tile.y00 += s;
    tile.y01 += d;
    tile.y10 -= s;
    tile.y11 -= d;
    m += 4 * step;
    s = m[0] + m[step] + m[2 * step];
    d = m[step] - m[2 * step] - m[3 * step];
    tile.y10 -= s;
    tile.y11 -= d;
    return tile;
}

#endif
