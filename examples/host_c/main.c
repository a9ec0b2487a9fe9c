/* SPDX-License-Identifier: MIT
 *
 * Reads images from stdin, each V3_INPUT_BYTES bytes, and prints for each the
 * class that either engine finds.
 */
#include "v3_model.h"

#include <stdbool.h>
#include <stdio.h>

/* One arena for both engines: they run one after the other. */
static union {
    v3_int8_arena_t int8;
    v3_f16_arena_t f16;
} arena;

/* The lowest index of the largest value. */
static unsigned best_of(const float *values)
{
    unsigned best = 0;

    for (unsigned i = 1; i < V3_OUTPUT_SIZE; ++i) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

int main(void)
{
    static uint8_t image[V3_INPUT_BYTES];
    bool any = false;
    size_t got;

    while ((got = fread(image, 1, sizeof(image), stdin)) == sizeof(image)) {
        int8_t quantized[V3_OUTPUT_SIZE];
        float real[V3_OUTPUT_SIZE], other[V3_OUTPUT_SIZE];

        if (v3_int8_run(&arena, image, quantized) != V3_OK
            || v3_f16_run(&arena, image, other) != V3_OK) {
            fprintf(stderr, "v3: a null or misaligned argument\n");
            return 1;
        }
        for (unsigned i = 0; i < V3_OUTPUT_SIZE; ++i) {
            const int distance = quantized[i] - V3_OUTPUT_ZERO_POINT;

            real[i] = V3_OUTPUT_SCALE * (float)distance;
        }
        any = true;
        printf("int8 %u, float16 %u\n", best_of(real), best_of(other));
    }
    if (got != 0 || !any) {
        fprintf(stderr, "v3: no whole image of %d bytes at the end of stdin\n",
                (int)V3_INPUT_BYTES);
        return 1;
    }
    return 0;
}
