/* SPDX-License-Identifier: MIT */
/*
 * The box of the ink to 20 pixels by area averages, thin strokes widened, on
 * 28x28 with the centre of mass in the middle.
 */
#include "nn_prepare_parts.h"

#define THIN_16 26u    /* sixteenths of a pixel of the 20: thinner is widened */
#define WIDENING 12u   /* 256ths, for each sixteenth that it lacks */
#define LEAST_PEAK 32u /* of 255: ink that is fainter on 20x20 stays so */

/* ==== Where the ink is ==== */

typedef struct {
    uint32_t top;
    uint32_t left;
    uint32_t bottom; /* exclusive, as right */
    uint32_t right;
    uint32_t area; /* pixels of ink, ... */
    uint32_t edge; /* ... and those with bare paper beside them */
} ink_t;

static uint32_t is_ink(const nn_prepare_t *s, uint32_t y, uint32_t x)
{
    return s->work[y * s->columns + x] > NN_PREPARE_EDGE;
}

static uint32_t is_inner(const nn_prepare_t *s, uint32_t y, uint32_t x)
{
    return y > 0u && x > 0u && y + 1u < s->rows && x + 1u < s->columns
           && is_ink(s, y - 1u, x) && is_ink(s, y + 1u, x)
           && is_ink(s, y, x - 1u) && is_ink(s, y, x + 1u);
}

static ink_t measure(const nn_prepare_t *s)
{
    ink_t ink = {s->rows, s->columns, 0, 0, 0, 0};
    for (uint32_t y = 0; y < s->rows; y++) {
        for (uint32_t x = 0; x < s->columns; x++) {
            if (is_ink(s, y, x)) {
                ink.top = nn_prepare_least(ink.top, y);
                ink.left = nn_prepare_least(ink.left, x);
                ink.bottom = y + 1u;
                ink.right = nn_prepare_most(ink.right, x + 1u);
                ink.area++;
                ink.edge += !is_inner(s, y, x);
            }
        }
    }
    return ink;
}

/* ==== Area averages ==== */

/*
 * Of `length` pixels in `count` cells: the share of pixel i in cell c, in
 * 1/count of a pixel. A cell is `length` such parts long.
 */
static uint32_t share(uint32_t i, uint32_t c, uint32_t length, uint32_t count)
{
    uint32_t low = nn_prepare_most(i * count, c * length);
    uint32_t high = nn_prepare_least((i + 1u) * count, (c + 1u) * length);
    return high - low;
}

static void sum_rows(nn_prepare_t *s, const ink_t *ink, uint32_t cell,
                     uint32_t tall)
{
    uint32_t height = ink->bottom - ink->top;
    uint32_t width = ink->right - ink->left;
    uint32_t *sums = s->scratch.scaled.sums;
    for (uint32_t x = 0; x < width; x++) {
        sums[x] = 0;
    }
    for (uint32_t y = cell * height / tall; y * tall < (cell + 1u) * height;
         y++) {
        uint32_t weight = share(y, cell, height, tall);
        const uint8_t *row = s->work + (ink->top + y) * s->columns + ink->left;
        for (uint32_t x = 0; x < width; x++) {
            sums[x] += weight * row[x];
        }
    }
}

/* The cells, row by row; their largest. */
static uint32_t average(nn_prepare_t *s, const ink_t *ink, uint32_t tall,
                        uint32_t wide)
{
    uint32_t height = ink->bottom - ink->top;
    uint32_t width = ink->right - ink->left;
    uint32_t peak = 0;
    for (uint32_t r = 0; r < tall; r++) {
        sum_rows(s, ink, r, tall);
        for (uint32_t c = 0; c < wide; c++) {
            uint32_t sum = 0;
            for (uint32_t x = c * width / wide; x * wide < (c + 1u) * width;
                 x++) {
                sum += share(x, c, width, wide) * s->scratch.scaled.sums[x];
            }
            sum /= height * width;
            s->scratch.scaled.cells[r * wide + c] = (uint8_t)sum;
            peak = nn_prepare_most(peak, sum);
        }
    }
    return peak;
}

/* ==== Cells ==== */

/* Stronger: the largest cell becomes 255. */
static void strengthen(nn_prepare_t *s, uint32_t cells, uint32_t peak)
{
    for (uint32_t i = 0; i < cells; i++) {
        uint8_t *cell = s->scratch.scaled.cells + i;
        *cell = (uint8_t)(*cell * 255u / nn_prepare_most(peak, LEAST_PEAK));
    }
}

static void widen(nn_prepare_t *s, uint32_t tall, uint32_t wide,
                  uint32_t factor)
{
    const uint8_t *cells = s->scratch.scaled.cells;
    for (uint32_t r = 0; r < tall; r++) {
        for (uint32_t c = 0; c < wide; c++) {
            uint32_t i = r * wide + c;
            uint32_t near = 0;
            near = r > 0u ? nn_prepare_most(near, cells[i - wide]) : near;
            near =
                r + 1u < tall ? nn_prepare_most(near, cells[i + wide]) : near;
            near = c > 0u ? nn_prepare_most(near, cells[i - 1u]) : near;
            near = c + 1u < wide ? nn_prepare_most(near, cells[i + 1u]) : near;
            near = nn_prepare_least(
                255u, nn_prepare_most(cells[i], near * factor >> 8));
            s->scratch.scaled.wide[i] = (uint8_t)near;
        }
    }
}

/* Where the first cell goes; `moment` is twice that of the cells' centres. */
static uint32_t offset(uint32_t moment, uint32_t mass, uint32_t length)
{
    uint32_t whole = (NN_PREPARE_SIDE + 1u) * mass;
    uint32_t at = whole > moment ? (whole - moment) / (2u * mass) : 0u;
    return nn_prepare_least(at, NN_PREPARE_SIDE - length);
}

static uint32_t place(const nn_prepare_t *s, uint32_t tall, uint32_t wide,
                      uint8_t *output)
{
    const uint8_t *cells = s->scratch.scaled.wide;
    uint32_t mass = 0;
    uint32_t down = 0;
    uint32_t across = 0;
    for (uint32_t r = 0; r < tall; r++) {
        for (uint32_t c = 0; c < wide; c++) {
            uint32_t cell = cells[r * wide + c];
            mass += cell;
            down += cell * (2u * r + 1u);
            across += cell * (2u * c + 1u);
        }
    }
    if (mass == 0u) {
        return 0;
    }
    uint32_t top = offset(down, mass, tall);
    uint32_t left = offset(across, mass, wide);
    for (uint32_t r = 0; r < tall; r++) {
        for (uint32_t c = 0; c < wide; c++) {
            output[(top + r) * NN_PREPARE_SIDE + left + c] =
                cells[r * wide + c];
        }
    }
    return mass;
}

uint32_t nn_prepare_scale(nn_prepare_t *s, uint8_t *output,
                          nn_prepare_box_t *box)
{
    ink_t ink = measure(s);
    if (ink.area == 0u) {
        return 0;
    }
    uint32_t height = ink.bottom - ink.top;
    uint32_t width = ink.right - ink.left;
    uint32_t longer = nn_prepare_most(height, width);
    uint32_t twice = 2u * NN_PREPARE_BOX;
    uint32_t tall =
        nn_prepare_most(1u, (twice * height + longer) / (2u * longer));
    uint32_t wide =
        nn_prepare_most(1u, (twice * width + longer) / (2u * longer));
    /* A stroke of width w and length l: area w * l, about 2 * l edge pixels. */
    uint32_t stroke_16 = 16u * twice * ink.area / (ink.edge * longer);
    uint32_t lacks = stroke_16 < THIN_16 ? THIN_16 - stroke_16 : 0u;
    strengthen(s, tall * wide, average(s, &ink, tall, wide));
    widen(s, tall, wide, WIDENING * lacks);
    box->top = (uint16_t)(ink.top * s->step);
    box->left = (uint16_t)(ink.left * s->step);
    box->bottom = (uint16_t)(ink.bottom * s->step);
    box->right = (uint16_t)(ink.right * s->step);
    return place(s, tall, wide, output);
}
