/* SPDX-License-Identifier: MIT
 * What the page calls: one model, its buffers, both engines. */

#include "esp8k_model.h"

static esp8k_int8_arena_t int8_arena;
static uint8_t input[ESP8K_INPUT_BYTES];
static float output[ESP8K_OUTPUT_SIZE];
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
