/* SPDX-License-Identifier: MIT */
/* Strokes of a finger or a pen, drawn with a round brush and scaled. */
#include <stddef.h>

#include "nn_prepare_parts.h"

#define CANVAS 80u /* longer side in which strokes are drawn, ... */
#define BRUSH 4    /* ... and half of their width less a half */

typedef struct {
    int32_t x;
    int32_t y;
} spot_t;

static void brush(nn_prepare_t *s, spot_t at)
{
    for (int32_t y = -BRUSH; y <= BRUSH; y++) {
        for (int32_t x = -BRUSH; x <= BRUSH; x++) {
            if (x * x + y * y <= BRUSH * BRUSH) {
                s->work[(at.y + y) * (int32_t)CANVAS + at.x + x] = 255;
            }
        }
    }
}

/* k of n parts of the way from one coordinate to another, to the nearest. */
static int32_t along(int32_t from, int32_t to, int32_t k, int32_t n)
{
    /* n parts more, so that the division rounds down whatever the way. */
    return from - n + (2 * k * (to - from) + n + 2 * n * n) / (2 * n);
}

static int32_t distance(int32_t a, int32_t b)
{
    return a > b ? a - b : b - a;
}

static void draw(nn_prepare_t *s, spot_t from, spot_t to)
{
    int32_t n = distance(from.x, to.x);
    n = distance(from.y, to.y) > n ? distance(from.y, to.y) : n;
    n = n > 1 ? n : 1;
    for (int32_t k = 0; k <= n; k++) {
        spot_t at = {along(from.x, to.x, k, n), along(from.y, to.y, k, n)};
        brush(s, at);
    }
}

nn_prepare_status_t nn_prepare_strokes(nn_prepare_t *state,
                                       const nn_prepare_point_t *points,
                                       uint32_t count, uint8_t *output)
{
    const int32_t room = (int32_t)CANVAS - 2 * BRUSH - 1;
    nn_prepare_box_t unused;
    if (state == NULL || output == NULL || (points == NULL && count > 0u)) {
        return NN_PREPARE_NULL;
    }
    nn_prepare_blank(output);
    state->height = 0;
    state->step = 1;
    nn_prepare_hold(state, CANVAS, CANVAS);
    for (uint32_t i = 0; i < CANVAS * CANVAS; i++) {
        state->work[i] = 0;
    }
    if (count == 0u) {
        return NN_PREPARE_NOTHING;
    }
    spot_t low = {points[0].x, points[0].y};
    spot_t high = low;
    for (uint32_t i = 1; i < count; i++) {
        low.x = points[i].x < low.x ? points[i].x : low.x;
        low.y = points[i].y < low.y ? points[i].y : low.y;
        high.x = points[i].x > high.x ? points[i].x : high.x;
        high.y = points[i].y > high.y ? points[i].y : high.y;
    }
    int32_t extent = high.x - low.x;
    extent = high.y - low.y > extent ? high.y - low.y : extent;
    extent = extent > 1 ? extent : 1;
    spot_t before = low;
    for (uint32_t i = 0; i < count; i++) {
        spot_t at = {
            BRUSH + (2 * (points[i].x - low.x) * room + extent) / (2 * extent),
            BRUSH + (2 * (points[i].y - low.y) * room + extent) / (2 * extent)};
        draw(state, i > 0u && points[i].down ? before : at, at);
        before = at;
    }
    return nn_prepare_scale(state, output, &unused) > 0u ? NN_PREPARE_OK
                                                         : NN_PREPARE_NOTHING;
}
