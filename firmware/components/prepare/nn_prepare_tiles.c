/* SPDX-License-Identifier: MIT */
/*
 * Tiles of 4x4 pixels: their brightest and darkest, the light of the paper
 * around them, what they lack of it; and which kind of ink is the rarer.
 */
#include "nn_prepare_parts.h"

#define BLOCK 40u /* pixels: ink is the rarer side within one */

uint32_t nn_prepare_quantile(const uint16_t *counts, uint32_t share,
                             uint32_t of)
{
    uint32_t total = 0;
    uint32_t below = 0;
    uint32_t value = 0;
    for (uint32_t i = 0; i < 256u; i++) {
        total += counts[i];
    }
    for (; value < 255u; value++) {
        below += counts[value];
        if (below * of >= total * share) {
            break;
        }
    }
    return value;
}

/* ==== Tiles ==== */

void nn_prepare_tile(nn_prepare_t *s)
{
    for (uint32_t tile = 0; tile < s->tile_rows * s->tile_columns; tile++) {
        s->high[tile] = 0;
        s->low[tile] = 255;
    }
    for (uint32_t y = 0; y < s->rows; y++) {
        const uint8_t *row = s->work + y * s->columns;
        uint32_t first = y / NN_PREPARE_TILE * s->tile_columns;
        for (uint32_t x = 0; x < s->columns; x++) {
            uint32_t tile = first + x / NN_PREPARE_TILE;
            s->high[tile] = (uint8_t)nn_prepare_most(s->high[tile], row[x]);
            s->low[tile] = (uint8_t)nn_prepare_least(s->low[tile], row[x]);
        }
    }
}

void nn_prepare_invert(nn_prepare_t *s)
{
    for (uint32_t tile = 0; tile < s->tile_rows * s->tile_columns; tile++) {
        uint32_t high = s->high[tile];
        s->high[tile] = (uint8_t)(255u - s->low[tile]);
        s->low[tile] = (uint8_t)(255u - high);
    }
}

/* Sum of the cubes around the mean of a block, each cut to 14 bits. */
static int32_t skew_of(const nn_prepare_t *s, uint32_t top, uint32_t left)
{
    uint32_t bottom = nn_prepare_least(top + BLOCK, s->rows);
    uint32_t right = nn_prepare_least(left + BLOCK, s->columns);
    uint32_t count = (bottom - top) * (right - left);
    uint32_t sum = 0;
    int32_t total = 0;
    for (uint32_t y = top; y < bottom; y++) {
        for (uint32_t x = left; x < right; x++) {
            sum += s->work[y * s->columns + x];
        }
    }
    int32_t mean = (int32_t)((2u * sum + count) / (2u * count));
    for (uint32_t y = top; y < bottom; y++) {
        for (uint32_t x = left; x < right; x++) {
            int32_t apart = s->work[y * s->columns + x] - mean;
            total += apart * apart * apart >> 10; /* down, of either sign */
        }
    }
    return total;
}

nn_prepare_ink_t nn_prepare_rarer(const nn_prepare_t *s)
{
    int32_t total = 0;
    for (uint32_t top = 0; top < s->rows; top += BLOCK) {
        for (uint32_t left = 0; left < s->columns; left += BLOCK) {
            total += skew_of(s, top, left);
        }
    }
    return total > 0 ? NN_PREPARE_LIGHT_INK : NN_PREPARE_DARK_INK;
}

/*
 * The largest (`turn` 0) or smallest (255) of `count` values within `reach`,
 * `stride` apart; windows end where the values do.
 */
static void extreme(const uint8_t *from, uint8_t *to, uint32_t count,
                    uint32_t stride, uint32_t reach, uint8_t turn)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = i > reach ? i - reach : 0u;
        uint32_t last = nn_prepare_least(i + reach, count - 1u);
        uint32_t j = last; /* what is new in the window, ... */
        if (i == 0u
            || (first > 0u
                && (uint32_t)(from[(first - 1u) * stride] ^ turn) == best)) {
            best = 0;
            j = first; /* ... or all of it, where the best one has left it */
        }
        for (; j <= last; j++) {
            uint32_t value = (uint32_t)(from[j * stride] ^ turn);
            best = value > best ? value : best;
        }
        to[i * stride] = (uint8_t)(best ^ turn);
    }
}

static void extremes(nn_prepare_t *s, uint32_t reach, uint8_t turn)
{
    uint32_t columns = s->tile_columns;
    for (uint32_t y = 0; y < s->tile_rows; y++) {
        extreme(s->paper + y * columns, s->scratch.tiles + y * columns, columns,
                1, reach, turn);
    }
    for (uint32_t x = 0; x < columns; x++) {
        extreme(s->scratch.tiles + x, s->paper + x, s->tile_rows, columns,
                reach, turn);
    }
}

/* Paper: the bright tiles, closed by a square; ink: what lacks of it. */
void nn_prepare_find_ink(nn_prepare_t *s)
{
    uint32_t count = (uint32_t)s->tile_rows * s->tile_columns;
    uint32_t longer = nn_prepare_most(s->tile_rows, s->tile_columns);
    uint32_t reach =
        nn_prepare_most(1u, (NN_PREPARE_TILE * longer + 16u) / 32u);
    for (uint32_t tile = 0; tile < count; tile++) {
        s->paper[tile] = s->high[tile];
    }
    extremes(s, reach, 0);
    extremes(s, reach, 255);
    for (uint32_t tile = 0; tile < count; tile++) {
        s->ink[tile] = nn_prepare_lack(s, s->paper[tile], s->low[tile]);
    }
}
