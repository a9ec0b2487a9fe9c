/* SPDX-License-Identifier: MIT
 *
 * A model of no worth with the API of a generated one: deterministic logits
 * and three stages, so that the link can be tested on its own.
 */
#ifndef ESP8K_MODEL_H
#define ESP8K_MODEL_H

#include <stdint.h>

#define ESP8K_MODEL_NAME "fake"
#define ESP8K_WEIGHTS_HASH \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ESP8K_IDENTITY_CRC 0xFA4E0001u
#define ESP8K_INPUT_BYTES 784u
#define ESP8K_OUTPUT_SIZE 10u
#define ESP8K_OUTPUT_SCALE 0.125f
#define ESP8K_OUTPUT_ZERO_POINT (-3)
#define ESP8K_INT8_ARENA_BYTES 64u
#define ESP8K_F16_ARENA_BYTES 128u
#define ESP8K_INT8_STAGES 3u
#define ESP8K_F16_STAGES 2u

typedef struct {
    uint64_t words[ESP8K_INT8_ARENA_BYTES / 8u];
} esp8k_int8_arena_t;

typedef struct {
    uint64_t words[ESP8K_F16_ARENA_BYTES / 8u];
} esp8k_f16_arena_t;

typedef enum {
    ESP8K_OK = 0
} esp8k_status_t;

typedef void (*esp8k_hook_t)(void *context, uint32_t stage, const void *data,
                             uint32_t bytes);
esp8k_status_t esp8k_int8_run_traced(void *arena, const uint8_t *input,
                                     int8_t *output, esp8k_hook_t hook,
                                     void *context);
esp8k_status_t esp8k_f16_run_traced(void *arena, const uint8_t *input,
                                    float *output, esp8k_hook_t hook,
                                    void *context);

#endif
