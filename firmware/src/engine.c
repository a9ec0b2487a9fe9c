/* SPDX-License-Identifier: MIT */
/* See engine.h. The arena is the one working memory of both engines. */
#include "engine.h"

#include "hal.h"

#define ARENA_BYTES \
    (ESP8K_INT8_ARENA_BYTES > ESP8K_F16_ARENA_BYTES ? ESP8K_INT8_ARENA_BYTES \
                                                    : ESP8K_F16_ARENA_BYTES)

/* Owner: this file. */
static union {
    esp8k_int8_arena_t int8; /* cppcheck-suppress unusedStructMember */
    esp8k_f16_arena_t f16;   /* cppcheck-suppress unusedStructMember */
} esp8k_arena;

uint32_t engine_stages(uint8_t engine)
{
    return engine == ENGINE_INT8 ? ESP8K_INT8_STAGES : ESP8K_F16_STAGES;
}

uint32_t engine_arena_bytes(void)
{
    return ARENA_BYTES;
}

/* The lowest index of the largest logit, as numpy's argmax. */
static uint8_t best_class(const engine_result_t *result)
{
    uint8_t best = 0;
    for (uint8_t i = 1; i < ENGINE_CLASSES; i++) {
        int larger = result->engine == ENGINE_INT8
                         ? result->logits.int8[i] > result->logits.int8[best]
                         : result->logits.f16[i] > result->logits.f16[best];
        if (larger) {
            best = i;
        }
    }
    return best;
}

void engine_run(uint8_t engine, const uint8_t *image, engine_result_t *result,
                esp8k_hook_t hook, void *context)
{
    hal_alive();
    uint64_t start_us = hal_time_us();
    uint32_t start = hal_count();
    if (engine == ENGINE_INT8) {
        (void)esp8k_int8_run_traced(&esp8k_arena, image, result->logits.int8,
                                    hook, context);
    } else {
        (void)esp8k_f16_run_traced(&esp8k_arena, image, result->logits.f16,
                                   hook, context);
    }
    uint32_t end = hal_count();
    uint64_t end_us = hal_time_us();
    result->engine = engine;
    result->count = hal_counter() == HAL_COUNTER_NONE ? 0u : end - start;
    result->time_us =
        end_us == 0 ? ENGINE_NO_TIME : (uint32_t)(end_us - start_us);
    result->label = best_class(result);
}

/* ==== Softmax, for the text dialect alone ==== */

#define LOG2_E 1.44269504f
#define SMALLEST_EXPONENT (-30.0f) /* 2^-30 shows as 0.000 anyway */

/* e^x for x <= 0: 2^whole * 2^fraction, the latter by a quintic (1e-6). */
static float exponential(float x)
{
    float y = x * LOG2_E;
    if (!(y > SMALLEST_EXPONENT)) {
        return 0.0f;
    }
    int32_t whole = (int32_t)y; /* towards zero: y - whole in (-1, 0] */
    float f = (y - (float)whole) * 0.69314718f;
    float power = 1.0f + f * (1.0f + f * (0.5f + f * (0.16666667f +
                  f * (0.041666668f + f * (0.0083333338f +
                  f * 0.0013888889f)))));
    for (; whole < 0; whole++) {
        power *= 0.5f;
    }
    return power;
}

void engine_softmax(const engine_result_t *result,
                    uint32_t thousandths[ENGINE_CLASSES])
{
    float powers[ENGINE_CLASSES];
    float sum = 0.0f;
    uint8_t best = result->label;
    for (uint32_t i = 0; i < ENGINE_CLASSES; i++) {
        float below;
        if (result->engine == ENGINE_INT8) {
            below = (float)(result->logits.int8[i] -
                            result->logits.int8[best]) * ESP8K_OUTPUT_SCALE;
        } else {
            below = result->logits.f16[i] - result->logits.f16[best];
        }
        powers[i] = exponential(below);
        sum += powers[i];
    }
    for (uint32_t i = 0; i < ENGINE_CLASSES; i++) {
        thousandths[i] = (uint32_t)(powers[i] / sum * 1000.0f + 0.5f);
    }
}
