/* SPDX-License-Identifier: MIT */
/* What the sources of this component share; no header of the caller's. */
#ifndef NN_PREPARE_PARTS_H
#define NN_PREPARE_PARTS_H

#include "nn_prepare.h"

#define NN_PREPARE_SIDE 28u /* of the network's picture */
#define NN_PREPARE_BOX 20u  /* of the digit within it */
#define NN_PREPARE_TILE 4u  /* pixels */
#define NN_PREPARE_EDGE 51u /* of 255: ink beyond doubt is above */

/* Marks of tiles. */
#define NN_PREPARE_UNSEEN 0u
#define NN_PREPARE_OTHER 1u /* ink that is not the digit's */
#define NN_PREPARE_MINE 2u

static inline uint32_t nn_prepare_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t nn_prepare_most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* How dark a value is on paper of that light, 0..255. */
static inline uint8_t nn_prepare_lack(const nn_prepare_t *s, uint32_t paper,
                                      uint32_t value)
{
    uint32_t less = paper > value ? paper - value : 0u;
    return (uint8_t)(less * s->reciprocal[paper] >> 8);
}

/* The lowest value with at least share/of of all counts below it or at it. */
uint32_t nn_prepare_quantile(const uint16_t *counts, uint32_t share,
                             uint32_t of);

/* s->high and s->low of the pixels in s->work. */
void nn_prepare_tile(nn_prepare_t *s);
/* The same of the inverted picture: light ink becomes dark. */
void nn_prepare_invert(nn_prepare_t *s);
/* s->paper and s->ink from them. */
void nn_prepare_find_ink(nn_prepare_t *s);
/* Which kind of ink is the rarer one. */
nn_prepare_ink_t nn_prepare_rarer(const nn_prepare_t *s);

/*
 * Tiles of the chosen piece are marked MINE, other ink OTHER, s->paper is the
 * light behind it; `light_ink`: the picture must be inverted. Returns the level
 * of the ink, 256 where there is none.
 */
uint32_t nn_prepare_choose(nn_prepare_t *s, nn_prepare_ink_t ink,
                           uint32_t *light_ink);

/* Hold a picture of that size. */
void nn_prepare_hold(nn_prepare_t *s, uint32_t columns, uint32_t rows);
void nn_prepare_blank(uint8_t *output);

/* s->work, ink above EDGE, to 28x28; 0 where there is none. */
uint32_t nn_prepare_scale(nn_prepare_t *s, uint8_t *output,
                          nn_prepare_box_t *box);

#endif
