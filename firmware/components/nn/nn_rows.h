/* SPDX-License-Identifier: MIT
 *
 * The rows that are kept of an activation while layers run row by row.
 *
 * Rows are counted from the first of the border above the image. Places and
 * widths are multiples of 4.
 */
#ifndef NN_ROWS_H
#define NN_ROWS_H

#include "nn_line_buffer.h"

#include <stdint.h>

typedef struct {
    uint8_t *at;   /* where the first kept row is */
    int32_t width; /* bytes of a row */
    int32_t first; /* number of the first kept row */
    int32_t made;  /* rows so far */
} nn_rows_t;

/* Memory for `room` rows, filled with the border, which begins with `top`. */
NN_INLINE nn_rows_t nn_rows(uint8_t *at, int32_t width, int32_t room,
                            int32_t top, uint8_t fill)
{
    nn_rows_t rows;

    nn_words_fill(at, fill, room * width);
    rows.at = at;
    rows.width = width;
    rows.first = 0;
    rows.made = top;
    return rows;
}

NN_INLINE const uint8_t *nn_rows_row(const nn_rows_t *rows, int32_t number)
{
    return rows->at + (number - rows->first) * rows->width;
}

/* Room for `count` rows more. Of those that are there, the ones from `keep` on
 * are wanted still. Returns the first new one. */
NN_INLINE uint8_t *nn_rows_next(nn_rows_t *rows, int32_t count, int32_t room,
                                int32_t keep)
{
    uint8_t *next;

    if (rows->made - rows->first + count > room) {
        const int32_t from = nn_min(keep, rows->made);
        const int32_t moved = (rows->made - from) * rows->width;

        nn_words_move(rows->at, nn_rows_row(rows, from), moved);
        rows->first = from;
    }
    next = rows->at + (rows->made - rows->first) * rows->width;
    rows->made += count;
    return next;
}

#endif
