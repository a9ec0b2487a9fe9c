/* SPDX-License-Identifier: MIT
 * What the page calls: one model, its buffers, both engines, and what a chip does
 * before and after them: frames and strokes prepared, the answer weighed.
 *
 * DECIDE and its like are defined where the model has a doubt. */

#include "esp8k_model.h"
#include "nn_prepare.h"

#define MOST_POINTS 4096u /* of all strokes */

static esp8k_int8_arena_t int8_arena;
static uint8_t input[ESP8K_INPUT_BYTES];
static float output[ESP8K_OUTPUT_SIZE];
static nn_prepare_t preparing;
static uint8_t frame[NN_PREPARE_MOST_PIXELS];
static nn_prepare_point_t points[MOST_POINTS];
#ifdef ESP8K_F16_ARENA_BYTES
static esp8k_f16_arena_t f16_arena;
#endif

#define EXPORT(type) __attribute__((visibility("default"))) type

uint8_t *input_at(void);
void *output_at(void);
uint32_t input_bytes(void);
uint32_t outputs(void);
uint32_t identity(void);
int run_int8(void);
int run_f16(void);
uint8_t *frame_at(void);
void *points_at(void);
uint32_t most_points(void);
uint32_t point_bytes(void);
int prepare_frame(uint32_t width, uint32_t height);
int prepare_strokes(uint32_t count);
int decide(int is_f16);
uint32_t second(void);

EXPORT(uint8_t *) input_at(void) { return input; }
EXPORT(void *) output_at(void) { return output; }
EXPORT(uint32_t) input_bytes(void) { return ESP8K_INPUT_BYTES; }
EXPORT(uint32_t) outputs(void) { return ESP8K_OUTPUT_SIZE; }
EXPORT(uint32_t) identity(void) { return ESP8K_IDENTITY_CRC; }

EXPORT(int) run_int8(void)
{
    return (int)esp8k_int8_run(&int8_arena, input, (int8_t *)output);
}

EXPORT(int) run_f16(void)
{
#ifdef ESP8K_F16_ARENA_BYTES
    return (int)esp8k_f16_run(&f16_arena, input, output);
#else
    return -1;
#endif
}

/* ==== Before: frames and strokes to the input; a nn_prepare_status_t ==== */

EXPORT(uint8_t *) frame_at(void) { return frame; }
EXPORT(void *) points_at(void) { return points; }
EXPORT(uint32_t) most_points(void) { return MOST_POINTS; }
EXPORT(uint32_t) point_bytes(void) { return sizeof points[0]; }

EXPORT(int) prepare_frame(uint32_t width, uint32_t height)
{
    int status = (int)nn_prepare_begin(&preparing, width, height);
    if (status == 0) {
        status = (int)nn_prepare_feed(&preparing, frame, width * height);
    }
    if (status == 0) {
        status = (int)nn_prepare_end(&preparing, NN_PREPARE_AUTO, input, 0);
    }
    return status;
}

EXPORT(int) prepare_strokes(uint32_t count)
{
    return (int)nn_prepare_strokes(&preparing, points, count, input);
}

/* ==== Behind: 0 sure, 1 unsure, 2 no digit, -1 the model does not tell ==== */

#ifdef DECIDE
static DECIDE_ANSWER answer;

EXPORT(uint32_t) second(void) { return answer.second; }

EXPORT(int) decide(int is_f16)
{
    return is_f16 ? (int)DECIDE_F16(input, output, &answer)
                  : (int)DECIDE(input, (const int8_t *)output, &answer);
}
#else
EXPORT(uint32_t) second(void) { return 0; }

EXPORT(int) decide(int is_f16)
{
    (void)is_f16;
    return -1;
}
#endif
