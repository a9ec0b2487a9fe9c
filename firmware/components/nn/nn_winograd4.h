/* SPDX-License-Identifier: MIT
 *
 * Winograd F(4x4, 3x3) in integers, exact.
 *
 * A tile of 6x6 inputs d and a filter g give 4x4 outputs with 36 products
 * instead of 144:  576 y = A' ((G g G') * (B' d B)) A.  The generator stores
 * U = G g G'. All is taken modulo 2^32: 576 is 64 times an odd number, which
 * has an inverse there, so 64 y is exact whenever it fits an int32.
 *
 *     B' = 4  0 -5  0  1  0     A' = 1  4  4  1  1  0     G =  6  0  0
 *          0  4  4 -1 -1  0          0  4 -4  2 -2  0          1  1  1
 *          0 -4  4  1 -1  0          0  4  4  4  4  0          1 -1  1
 *          0 -2 -1  2  1  0          0  4 -4  8 -8  8          1  2  4
 *          0 -2  1  2 -1  0                                   -1  2 -4
 *          0 -4  0  5  0 -1                                    0  0 -3
 */
#ifndef NN_WINOGRAD4_H
#define NN_WINOGRAD4_H

#include "nn_common.h"

#include <stdint.h>

/* B' x, with one addition for each shifted operand. The results are variables:
 * a sum that stands in the cast to int16_t is taken in 16 bits, which costs a
 * mask for each of its parts. */
#define NN_WINOGRAD4_LINE(to, step, x0, x1, x2, x3, x4, x5) \
    do {                                                    \
        const int32_t c = (x4) - (x2);                      \
        const int32_t e = (x3) - (x1);                      \
        const int32_t m = 4 * (x2) - (x4);                  \
        const int32_t n = 4 * (x1) - (x3);                  \
        const int32_t r0 = 4 * ((x0) - (x2)) + c;           \
        const int32_t r1 = m + n;                           \
        const int32_t r2 = m - n;                           \
        const int32_t r3 = 2 * e + c;                       \
        const int32_t r4 = 2 * e - c;                       \
        const int32_t r5 = 4 * e - ((x5) - (x3));           \
                                                            \
        (to)[0] = (int16_t)r0;                              \
        (to)[(step)] = (int16_t)r1;                         \
        (to)[2 * (step)] = (int16_t)r2;                     \
        (to)[3 * (step)] = (int16_t)r3;                     \
        (to)[4 * (step)] = (int16_t)r4;                     \
        (to)[5 * (step)] = (int16_t)r5;                     \
    } while (0)

/* V = B' d B of `depth` channels; element (row i, column j) of the tile at
 * v[(6 * j + i) * step + channel * lanes]. Rows of d are `pitch` elements
 * apart, pixels `depth`. */
NN_INLINE void nn_winograd4_input(const uint8_t *d, int32_t pitch,
                                  int32_t depth, int16_t *v, int32_t step,
                                  int32_t lanes)
{
    for (int32_t k = 0; k < depth; ++k) {
        const uint8_t *row = d;
        int16_t *to = v;
        int16_t lines[36];

        for (int16_t *t = lines; t < lines + 36; t += 6) {
            const int32_t x0 = row[0];
            const int32_t x1 = row[depth];
            const int32_t x2 = row[2 * depth];
            const int32_t x3 = row[3 * depth];
            const int32_t x4 = row[4 * depth];
            const int32_t x5 = row[5 * depth];

            NN_WINOGRAD4_LINE(t, 1, x0, x1, x2, x3, x4, x5);
            row += pitch;
        }
        for (const int16_t *t = lines; t < lines + 6; ++t) {
            const int32_t x0 = t[0];
            const int32_t x1 = t[6];
            const int32_t x2 = t[12];
            const int32_t x3 = t[18];
            const int32_t x4 = t[24];
            const int32_t x5 = t[30];

            NN_WINOGRAD4_LINE(to, step, x0, x1, x2, x3, x4, x5);
            to += 6 * step;
        }
        ++d;
        v += lanes;
    }
}

/* A' m, column by column: element (i, j) of m at m[(6 * j + i) * step], that of
 * the 4x6 lines at lines[4 * j + i]. */
NN_INLINE void nn_winograd4_lines(const uint32_t *m, int32_t step,
                                  uint32_t *lines)
{
    for (uint32_t *t = lines; t < lines + 24; t += 4) {
        const uint32_t s1 = m[step] + m[2 * step];
        const uint32_t d1 = m[step] - m[2 * step];
        const uint32_t s2 = m[3 * step] + m[4 * step];
        const uint32_t d2 = m[3 * step] - m[4 * step];

        t[0] = 4 * s1 + (m[0] + s2);
        t[1] = 2 * (2 * d1 + d2);
        t[2] = 4 * (s1 + s2);
        t[3] = 4 * (2 * (d2 + m[5 * step]) + d1);
        m += 6 * step;
    }
}

typedef struct {
    int32_t y0;
    int32_t y1;
    int32_t y2;
    int32_t y3;
} nn_row4_t;

/* 2^shift * 9 * y to y, modulo 2^32. */
NN_INLINE int32_t nn_winograd4_sum(uint32_t y, int shift)
{
    return (int32_t)(y * 954437177u) >> shift;
}

/* One row of outputs: lines * A, with columns times 1, 1/2, 1/4 and 1/4. */
NN_INLINE nn_row4_t nn_winograd4_row(const uint32_t *line)
{
    const uint32_t s1 = line[4] + line[8];
    const uint32_t d1 = line[4] - line[8];
    const uint32_t s2 = line[12] + line[16];
    const uint32_t d2 = line[12] - line[16];
    nn_row4_t row;

    row.y0 = nn_winograd4_sum(4 * s1 + (line[0] + s2), 6);
    row.y1 = nn_winograd4_sum(2 * d1 + d2, 5);
    row.y2 = nn_winograd4_sum(s1 + s2, 4);
    row.y3 = nn_winograd4_sum(2 * (d2 + line[20]) + d1, 4);
    return row;
}

#endif
