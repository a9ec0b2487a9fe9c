/* SPDX-License-Identifier: MIT */
/*
 * A grey frame, or touch strokes, to the 28x28 pixels that the network takes:
 * light ink on black, 20 pixels long, its centre of mass in the middle.
 *
 *     static nn_prepare_t state;
 *     static uint8_t pixels[NN_PREPARE_OUTPUT_BYTES];
 *
 *     nn_prepare_begin(&state, 320, 240);
 *     for each row: nn_prepare_feed(&state, row, 320);
 *     if (nn_prepare_end(&state, NN_PREPARE_AUTO, pixels, NULL) == ..._OK)
 *
 * The frame comes once, row by row or in any pieces, and is never held: what
 * is kept is a quarter of it. Integers alone; no heap, no recursion; the state
 * is all the memory that it takes. export/reference/prepare.py specifies it
 * and has the same bits.
 */
#ifndef NN_PREPARE_H
#define NN_PREPARE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Limits ==== */

#define NN_PREPARE_LEAST_SIDE 16u
#define NN_PREPARE_MOST_SIDE 320u
#define NN_PREPARE_MOST_PIXELS 76800u /* 320 x 240, either way up */
#define NN_PREPARE_WORK_PIXELS 19200u /* above, a frame is averaged 2x2 */
#define NN_PREPARE_MOST_TILES 1264u   /* of 4x4, whatever the frame's shape */
#define NN_PREPARE_OUTPUT_BYTES 784u

typedef enum {
    NN_PREPARE_OK = 0,
    NN_PREPARE_NOTHING,    /* nothing is drawn: all pixels are 0 */
    NN_PREPARE_SIZE,       /* a side or the whole is too small or too large */
    NN_PREPARE_INCOMPLETE, /* fewer pixels came than the frame has, or more */
    NN_PREPARE_NULL        /* a null argument */
} nn_prepare_status_t;

typedef enum {
    NN_PREPARE_AUTO = 0, /* the ink is what is rarer */
    NN_PREPARE_DARK_INK, /* on light paper */
    NN_PREPARE_LIGHT_INK /* chalk */
} nn_prepare_ink_t;

/* ==== State ==== */

/* Where the digit was, in pixels of the frame; right and bottom exclusive. */
typedef struct {
    uint16_t top;
    uint16_t left;
    uint16_t bottom;
    uint16_t right;
} nn_prepare_box_t;

/* One point of a stroke, y downwards, in any unit. */
typedef struct {
    int16_t x;
    int16_t y;
    uint8_t down; /* 1: the pen came here on the paper; 0: a stroke begins */
} nn_prepare_point_t;

/* The caller's; its content is this component's own. */
typedef struct {
    uint16_t width; /* of the frame */
    uint16_t height;
    uint16_t x; /* of the next pixel */
    uint16_t y;
    uint16_t columns; /* of what is held */
    uint16_t rows;
    uint16_t tile_columns;
    uint16_t tile_rows;
    uint8_t step; /* frame pixels a held pixel, each way */
    uint8_t overrun;
    uint16_t reciprocal[256];
    uint16_t line[160]; /* half-averaged pixels, or paper along a row */
    uint8_t work[NN_PREPARE_WORK_PIXELS];
    uint8_t high[NN_PREPARE_MOST_TILES];  /* the brightest of each tile, ... */
    uint8_t low[NN_PREPARE_MOST_TILES];   /* ... the darkest, ... */
    uint8_t paper[NN_PREPARE_MOST_TILES]; /* ... its paper's light, ... */
    uint8_t ink[NN_PREPARE_MOST_TILES];   /* ... and how much ink it has */
    uint8_t mark[NN_PREPARE_MOST_TILES];
    union {
        uint16_t queue[NN_PREPARE_MOST_TILES];
        uint16_t counts[256];
        uint8_t tiles[NN_PREPARE_MOST_TILES];
        uint8_t lit[256];
        struct {
            uint32_t sums[NN_PREPARE_MOST_SIDE];
            uint8_t cells[400];
            uint8_t wide[400];
        } scaled;
    } scratch;
} nn_prepare_t;

/* ==== Use ==== */

/* A new frame; whatever came before is forgotten. */
nn_prepare_status_t nn_prepare_begin(nn_prepare_t *state, uint32_t width,
                                     uint32_t height);
/* The next `count` pixels of it, row by row. */
nn_prepare_status_t nn_prepare_feed(nn_prepare_t *state, const uint8_t *grey,
                                    uint32_t count);
/* The digit in it; `box` may be null. The frame is used up. */
nn_prepare_status_t nn_prepare_end(nn_prepare_t *state, nn_prepare_ink_t ink,
                                   uint8_t *output, nn_prepare_box_t *box);
/* The digit that was drawn by `count` points. */
nn_prepare_status_t nn_prepare_strokes(nn_prepare_t *state,
                                       const nn_prepare_point_t *points,
                                       uint32_t count, uint8_t *output);

#ifdef __cplusplus
}
#endif

#endif
