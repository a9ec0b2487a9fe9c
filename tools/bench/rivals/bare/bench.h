/* What a measured program (ours or a rival's adapter) gives to the harness. */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#define BENCH_STAGES 64u
#define BENCH_INPUT_BYTES 32768u /* 96 * 96 * 3 bytes, 28 * 28 floats */

typedef void (*bench_hook_t)(void *context, uint32_t stage, const void *data,
                             uint32_t bytes);

/* The model's input in the form it wants; its bytes count for nobody. */
extern uint32_t bench_input[BENCH_INPUT_BYTES / 4u];
extern const uint32_t bench_image_bytes;
extern const uint32_t bench_output_bytes;

/* Raw pixels to the model's input: not counted. */
void bench_prepare(const uint8_t *image);
/* One inference: counted. hook may be NULL, a rival ignores it. */
void bench_run(void *output, bench_hook_t hook);

#endif
