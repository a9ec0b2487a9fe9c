/* SPDX-License-Identifier: MIT */
/*
 * Which tiles of 4x4 pixels hold the digit: ink against the paper around it,
 * connected tiles at four levels, the best piece of dark or of light ink.
 */
#include "nn_prepare_parts.h"

#define FAINT 10u       /* of 255: what ink lacks at least, ... */
#define RIM 40u         /* ... at the rim, where light ends, ... */
#define SPREADS 5u      /* ... and of the paper's noise */
#define LEVELS 4u       /* each half as high as the one before */
#define LEAST_EXTENT 2u /* tiles */
#define FRAME 8u        /* tiles */
#define LIKELY 3u       /* weights of the rarer kind of ink, ... */
#define UNLIKELY 1u     /* ... and of the other */
#define LEAST_SCORE 60u /* below it nothing is drawn */
#define NO_LEVEL 256u   /* above every value */

typedef struct {
    uint32_t top;
    uint32_t left;
    uint32_t bottom; /* exclusive, as right */
    uint32_t right;
    uint32_t count; /* tiles; they lie in the queue */
    uint32_t inner; /* ... with ink all around */
    uint32_t sum;
} piece_t;

typedef struct {
    uint32_t score;
    uint32_t level;
    uint32_t seed; /* one of its tiles */
    nn_prepare_ink_t kind;
} choice_t;

/* ==== Pieces ==== */

/* The tile's neighbours above `level`, those at the frame's end left out. */
static uint32_t neighbours(const nn_prepare_t *s, uint32_t tile, uint32_t level,
                           uint16_t found[8])
{
    uint32_t y = tile / s->tile_columns;
    uint32_t x = tile % s->tile_columns;
    uint32_t bottom = nn_prepare_least(y + 1u, s->tile_rows - 1u);
    uint32_t right = nn_prepare_least(x + 1u, s->tile_columns - 1u);
    uint32_t count = 0;
    for (uint32_t v = y > 0u ? y - 1u : 0u; v <= bottom; v++) {
        for (uint32_t u = x > 0u ? x - 1u : 0u; u <= right; u++) {
            uint32_t other = v * s->tile_columns + u;
            if (other != tile && s->ink[other] > level) {
                found[count++] = (uint16_t)other;
            }
        }
    }
    return count;
}

/* All tiles connected with `seed`, into the queue, as `mark`. */
static piece_t fill(nn_prepare_t *s, uint32_t seed, uint32_t level,
                    uint8_t mark)
{
    uint16_t *queue = s->scratch.queue;
    piece_t piece = {s->tile_rows, s->tile_columns, 0, 0, 1, 0, 0};
    queue[0] = (uint16_t)seed;
    s->mark[seed] = mark;
    for (uint32_t done = 0; done < piece.count; done++) {
        uint16_t near[8];
        uint32_t y = queue[done] / s->tile_columns;
        uint32_t x = queue[done] % s->tile_columns;
        uint32_t count = neighbours(s, queue[done], level, near);
        piece.top = nn_prepare_least(piece.top, y);
        piece.left = nn_prepare_least(piece.left, x);
        piece.bottom = nn_prepare_most(piece.bottom, y + 1u);
        piece.right = nn_prepare_most(piece.right, x + 1u);
        piece.sum += s->ink[queue[done]];
        piece.inner += count == 8u;
        for (uint32_t i = 0; i < count; i++) {
            if (s->mark[near[i]] != mark) {
                s->mark[near[i]] = mark;
                queue[piece.count++] = near[i];
            }
        }
    }
    return piece;
}

/* Tiles of the piece that do not lie along the sides of its box. */
static uint32_t middle_of(const nn_prepare_t *s, const piece_t *piece)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < piece->count; i++) {
        uint32_t y = s->scratch.queue[i] / s->tile_columns;
        uint32_t x = s->scratch.queue[i] % s->tile_columns;
        count += y > piece->top && y + 1u < piece->bottom && x > piece->left
                 && x + 1u < piece->right;
    }
    return count;
}

/* How much the piece in the queue looks like a digit; 0: not at all. */
static uint32_t score_of(const nn_prepare_t *s, const piece_t *piece,
                         uint32_t paper)
{
    uint32_t tall = piece->bottom - piece->top;
    uint32_t wide = piece->right - piece->left;
    uint32_t strength = piece->sum / piece->count - paper;
    uint32_t score = strength * nn_prepare_most(tall, wide);
    if (nn_prepare_most(tall, wide) < LEAST_EXTENT) {
        return 0;
    }
    if (piece->top == 0u || piece->left == 0u || piece->bottom == s->tile_rows
        || piece->right == s->tile_columns) {
        /* What lies around the paper, or less light. */
        score = strength >= RIM ? score >> 5 : 0u;
    }
    for (uint32_t twice = 0; twice < 2u; twice++) {
        /* A blob: a digit is made of strokes. */
        score = score * (piece->count - piece->inner) / piece->count;
    }
    if (nn_prepare_least(tall, wide) >= FRAME
        && middle_of(s, piece) * 8u < piece->count) {
        score >>= 3; /* where a frame, or a note, ends */
    }
    return score;
}

/* ==== The best one ==== */

static void unmark(nn_prepare_t *s)
{
    for (uint32_t tile = 0; tile < s->tile_rows * s->tile_columns; tile++) {
        s->mark[tile] = NN_PREPARE_UNSEEN;
    }
}

static void look_at_level(nn_prepare_t *s, uint32_t paper, uint32_t level,
                          uint32_t weight, choice_t *found)
{
    uint32_t count = (uint32_t)s->tile_rows * s->tile_columns;
    unmark(s);
    for (uint32_t tile = 0; tile < count; tile++) {
        if (s->ink[tile] > level && s->mark[tile] == NN_PREPARE_UNSEEN) {
            piece_t piece = fill(s, tile, level, NN_PREPARE_OTHER);
            uint32_t score = weight * score_of(s, &piece, paper);
            if (score > found->score) {
                found->score = score;
                found->level = level;
                found->seed = tile;
            }
        }
    }
}

/* The best piece of dark ink at any level. */
static choice_t look(nn_prepare_t *s, uint32_t weight)
{
    choice_t found = {LEAST_SCORE, NO_LEVEL, 0, NN_PREPARE_DARK_INK};
    uint32_t peak = 0;
    nn_prepare_find_ink(s);
    for (uint32_t i = 0; i < 256u; i++) {
        s->scratch.counts[i] = 0;
    }
    for (uint32_t tile = 0; tile < s->tile_rows * s->tile_columns; tile++) {
        s->scratch.counts[s->ink[tile]]++;
        peak = nn_prepare_most(peak, s->ink[tile]);
    }
    uint32_t paper = nn_prepare_quantile(s->scratch.counts, 1, 2);
    uint32_t spread = paper - nn_prepare_quantile(s->scratch.counts, 5, 32);
    uint32_t faintest = paper + nn_prepare_most(FAINT, SPREADS * spread);
    for (uint32_t halving = 1; halving <= LEVELS; halving++) {
        uint32_t level = paper + ((peak - paper) >> halving);
        if (level < faintest && halving > 1u) {
            break;
        }
        look_at_level(s, paper, nn_prepare_most(level, faintest), weight,
                      &found);
    }
    return found;
}

/* Dark ink from light, or light from dark, and the best piece of it. */
static choice_t look_for(nn_prepare_t *s, nn_prepare_ink_t kind,
                         uint32_t weight)
{
    choice_t found;
    if (kind == NN_PREPARE_LIGHT_INK) {
        nn_prepare_invert(s);
    }
    found = look(s, weight);
    found.kind = kind;
    return found;
}

/* Of both kinds; the likelier one last, so that its tiles are mostly there. */
static choice_t look_for_both(nn_prepare_t *s)
{
    nn_prepare_ink_t likely = nn_prepare_rarer(s);
    choice_t best, found;
    if (likely == NN_PREPARE_LIGHT_INK) {
        best = look_for(s, NN_PREPARE_DARK_INK, UNLIKELY);
        found = look_for(s, NN_PREPARE_LIGHT_INK, LIKELY);
        if (found.score > best.score) {
            return found;
        }
    } else {
        best = look_for(s, NN_PREPARE_LIGHT_INK, UNLIKELY);
        nn_prepare_invert(s);
        found = look_for(s, NN_PREPARE_DARK_INK, LIKELY);
        if (found.score >= best.score) {
            return found;
        }
    }
    nn_prepare_invert(s);
    nn_prepare_find_ink(s);
    return best;
}

uint32_t nn_prepare_choose(nn_prepare_t *s, nn_prepare_ink_t ink,
                           uint32_t *light_ink)
{
    choice_t best;
    nn_prepare_tile(s);
    if (ink == NN_PREPARE_DARK_INK || ink == NN_PREPARE_LIGHT_INK) {
        uint32_t weight = ink == nn_prepare_rarer(s) ? LIKELY : UNLIKELY;
        best = look_for(s, ink, weight);
    } else {
        best = look_for_both(s);
    }
    *light_ink = best.kind == NN_PREPARE_LIGHT_INK;
    unmark(s);
    if (best.level == NO_LEVEL) {
        return NO_LEVEL;
    }
    for (uint32_t tile = 0; tile < s->tile_rows * s->tile_columns; tile++) {
        if (s->ink[tile] > best.level) {
            s->mark[tile] = NN_PREPARE_OTHER;
        }
    }
    (void)fill(s, best.seed, best.level, NN_PREPARE_MINE);
    return best.level;
}
