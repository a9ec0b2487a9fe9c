/* SPDX-License-Identifier: MIT */
/* Frames and strokes in; see nn_prepare.h. */
#include "nn_prepare.h"

#include <stddef.h>

#include "nn_prepare_parts.h"

#define LIFT 16u /* added to the paper's light: the dark is noise */

typedef char
    nn_prepare_shifts_are_arithmetic[((int32_t)-3 >> 1) == -2 ? 1 : -1];

/* ==== A frame comes ==== */

void nn_prepare_hold(nn_prepare_t *s, uint32_t columns, uint32_t rows)
{
    s->columns = (uint16_t)columns;
    s->rows = (uint16_t)rows;
    s->tile_columns = (uint16_t)((columns + 3u) / NN_PREPARE_TILE);
    s->tile_rows = (uint16_t)((rows + 3u) / NN_PREPARE_TILE);
}

nn_prepare_status_t nn_prepare_begin(nn_prepare_t *state, uint32_t width,
                                     uint32_t height)
{
    if (state == NULL) {
        return NN_PREPARE_NULL;
    }
    state->width = state->height = 0;
    state->x = state->y = 0;
    state->overrun = 0;
    if (width < NN_PREPARE_LEAST_SIDE || height < NN_PREPARE_LEAST_SIDE
        || width > NN_PREPARE_MOST_SIDE || height > NN_PREPARE_MOST_SIDE
        || width * height > NN_PREPARE_MOST_PIXELS) {
        return NN_PREPARE_SIZE;
    }
    state->width = (uint16_t)width;
    state->height = (uint16_t)height;
    state->step = width * height > NN_PREPARE_WORK_PIXELS ? 2u : 1u;
    nn_prepare_hold(state, width / state->step, height / state->step);
    return NN_PREPARE_OK;
}

/* The sum of `count` pixels from x on joins those of its square of 2x2. */
static void average(nn_prepare_t *s, uint8_t *row, uint32_t x, uint32_t sum,
                    uint32_t count)
{
    if (s->y & 1u || x & 1u) {
        sum += s->line[x / 2u];
    }
    if (s->y & 1u && (x + count) % 2u == 0u) {
        row[x / 2u] = (uint8_t)((sum + 2u) >> 2);
    } else {
        s->line[x / 2u] = (uint16_t)sum;
    }
}

/* `count` pixels that lie in one row of the frame. */
static void take(nn_prepare_t *s, const uint8_t *grey, uint32_t count)
{
    uint32_t x = s->x;
    uint8_t *row = s->work + (uint32_t)(s->y / s->step) * s->columns;
    if (s->step == 1u) {
        for (uint32_t i = 0; i < count; i++) {
            row[x + i] = grey[i];
        }
        return;
    }
    if (s->y >= 2u * s->rows) {
        return; /* the last row of an odd number */
    }
    uint32_t end = x + count;
    end = end < 2u * s->columns ? end : 2u * s->columns;
    while (x < end) {
        if ((x & 1u) == 0u && x + 1u < end) { /* both pixels of a pair */
            average(s, row, x, (uint32_t)grey[0] + grey[1], 2);
            grey += 2;
            x += 2u;
        } else {
            average(s, row, x, grey[0], 1);
            grey++;
            x++;
        }
    }
}

nn_prepare_status_t nn_prepare_feed(nn_prepare_t *state, const uint8_t *grey,
                                    uint32_t count)
{
    if (state == NULL || grey == NULL) {
        return NN_PREPARE_NULL;
    }
    while (count > 0u) {
        uint32_t part = (uint32_t)state->width - state->x;
        if (state->y >= state->height) {
            state->overrun = 1;
            return NN_PREPARE_INCOMPLETE;
        }
        part = part < count ? part : count;
        take(state, grey, part);
        grey += part;
        count -= part;
        state->x = (uint16_t)(state->x + part);
        if (state->x == state->width) {
            state->x = 0;
            state->y++;
        }
    }
    return NN_PREPARE_OK;
}

/* ==== Ink ==== */

/*
 * Tiles before and behind pixel `at` along a line of `tiles`; eighths of the
 * one behind. Their middles lie 1.5 pixels from their first pixel.
 */
static uint32_t between(uint32_t at, uint32_t tiles, uint32_t *before,
                        uint32_t *behind)
{
    uint32_t eighths = 2u * at + 5u; /* one tile more, so that it is above 0 */
    uint32_t second = eighths / 8u;
    *before = second > 0u ? second - 1u : 0u;
    *behind = second < tiles ? second : tiles - 1u;
    return eighths % 8u;
}

/* s->work becomes what each pixel lacks of its paper's light. */
static void darken(nn_prepare_t *s, uint32_t light_ink)
{
    for (uint32_t y = 0; y < s->rows; y++) {
        uint32_t above, below;
        uint32_t v = between(y, s->tile_rows, &above, &below);
        uint8_t *row = s->work + y * s->columns;
        for (uint32_t tile = 0; tile < s->tile_columns; tile++) {
            s->line[tile] =
                (uint16_t)(s->paper[above * s->tile_columns + tile] * (8u - v)
                           + s->paper[below * s->tile_columns + tile] * v);
        }
        for (uint32_t x = 0; x < s->columns; x++) {
            uint32_t left, right;
            uint32_t u = between(x, s->tile_columns, &left, &right);
            uint32_t paper =
                (s->line[left] * (8u - u) + s->line[right] * u + 32u) >> 6;
            uint32_t value = light_ink ? 255u - row[x] : row[x];
            row[x] = nn_prepare_lack(s, paper, value);
        }
    }
}

static uint32_t mark_at(const nn_prepare_t *s, uint32_t y, uint32_t x)
{
    return s->mark[y / NN_PREPARE_TILE * s->tile_columns + x / NN_PREPARE_TILE];
}

/* A quantile of the darkness of all pixels, or of the digit's above a level. */
static uint32_t darkness(nn_prepare_t *s, uint32_t mine, uint32_t level,
                         uint32_t share, uint32_t of)
{
    uint16_t *counts = s->scratch.counts;
    for (uint32_t i = 0; i < 256u; i++) {
        counts[i] = 0;
    }
    for (uint32_t y = 0; y < s->rows; y++) {
        const uint8_t *row = s->work + y * s->columns;
        for (uint32_t x = 0; x < s->columns; x++) {
            if (!mine
                || (row[x] > level && mark_at(s, y, x) == NN_PREPARE_MINE)) {
                counts[row[x]]++;
            }
        }
    }
    return nn_prepare_quantile(counts, share, of);
}

/* s->work becomes ink: above EDGE in the digit's tiles alone. */
static void ink_of(nn_prepare_t *s, uint32_t level)
{
    uint32_t paper = darkness(s, 0, 0, 1, 2);
    uint32_t full = darkness(s, 1, level, 3, 4);
    uint32_t above = full > paper ? full - paper : 1u;
    uint32_t floor = paper + above / 4u;
    uint8_t *lit = s->scratch.lit;
    for (uint32_t i = 0; i < 256u; i++) {
        uint32_t value = i > floor ? (i - floor) * 408u / above : 0u;
        lit[i] = (uint8_t)(value < 255u ? value : 255u);
    }
    for (uint32_t y = 0; y < s->rows; y++) {
        uint8_t *row = s->work + y * s->columns;
        for (uint32_t x = 0; x < s->columns; x++) {
            uint32_t mark = mark_at(s, y, x);
            uint8_t value = lit[row[x]];
            if (mark == NN_PREPARE_UNSEEN && value > NN_PREPARE_EDGE) {
                value = NN_PREPARE_EDGE; /* a soft end of it, or noise */
            }
            row[x] = mark == NN_PREPARE_OTHER ? 0 : value;
        }
    }
}

/* ==== The digit ==== */

void nn_prepare_blank(uint8_t *output)
{
    for (uint32_t i = 0; i < NN_PREPARE_OUTPUT_BYTES; i++) {
        output[i] = 0;
    }
}

nn_prepare_status_t nn_prepare_end(nn_prepare_t *state, nn_prepare_ink_t ink,
                                   uint8_t *output, nn_prepare_box_t *box)
{
    nn_prepare_box_t found = {0, 0, 0, 0};
    uint32_t light_ink = 0;
    uint32_t mass = 0;
    if (state == NULL || output == NULL) {
        return NN_PREPARE_NULL;
    }
    nn_prepare_blank(output);
    if (state->height == 0u || state->y != state->height || state->overrun) {
        return NN_PREPARE_INCOMPLETE;
    }
    for (uint32_t i = 0; i < 256u; i++) {
        state->reciprocal[i] = (uint16_t)(65280u / (i + LIFT));
    }
    uint32_t level = nn_prepare_choose(state, ink, &light_ink);
    if (level < 256u) {
        darken(state, light_ink);
        ink_of(state, level);
        mass = nn_prepare_scale(state, output, &found);
    }
    state->height = 0; /* used up */
    if (box != NULL) {
        *box = found;
    }
    return mass > 0u ? NN_PREPARE_OK : NN_PREPARE_NOTHING;
}
