/* SPDX-License-Identifier: MIT */
/* The generated network behind one function: run, time, pick the class. */
#ifndef ESP8K_ENGINE_H
#define ESP8K_ENGINE_H

#include <stdint.h>

#include "esp8k_model.h"

#define ENGINE_INT8 0u
#define ENGINE_F16 1u
#define ENGINE_COUNT 2u
#define ENGINE_CLASSES ESP8K_OUTPUT_SIZE
#define ENGINE_NO_TIME 0xFFFFFFFFu /* this board has no clock */

typedef struct {
    uint8_t engine;
    uint8_t label;
    uint32_t time_us; /* or ENGINE_NO_TIME */
    uint32_t count;   /* of hal_counter(), 0 where there is none */
    union {
        int8_t int8[ENGINE_CLASSES];
        float f16[ENGINE_CLASSES];
    } logits;
} engine_result_t;

/* image: ESP8K_INPUT_BYTES pixels. */
void engine_run(uint8_t engine, const uint8_t *image, engine_result_t *result,
                esp8k_hook_t hook, void *context);
uint32_t engine_stages(uint8_t engine);
uint32_t engine_arena_bytes(void);
/* Softmax in thousandths, rounded to nearest. */
void engine_softmax(const engine_result_t *result,
                    uint32_t thousandths[ENGINE_CLASSES]);

#endif
