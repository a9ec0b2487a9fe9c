/*
 * Runs every image of a file and writes the outputs to standard output:
 *
 *     program IMAGES [hook]
 *
 * Under callgrind only bench_run is counted (--toggle-collect); with "hook" the
 * profile is cut after each call of bench_stage (--dump-after), and the numbers of
 * the stages go to standard error in the order of the cuts.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define LARGEST_BYTES 65536u
#define LARGEST_CUTS 4096u

uint32_t bench_input[BENCH_INPUT_BYTES / 4u];
static uint32_t stages[LARGEST_CUTS];
static uint32_t cuts;

void bench_stage(void *context, uint32_t stage, const void *data,
                 uint32_t bytes);

void bench_stage(void *context, uint32_t stage, const void *data,
                 uint32_t bytes)
{
    (void)context;
    (void)data;
    (void)bytes;
    stages[cuts++ % LARGEST_CUTS] = stage;
}

int main(int count, char **arguments)
{
    static uint8_t image[LARGEST_BYTES];
    static uint32_t output[LARGEST_BYTES / 4u];
    bench_hook_t hook = NULL;
    FILE *file;

    if (count < 2 || (file = fopen(arguments[1], "rb")) == NULL) {
        return 2;
    }
    if (count > 2 && strcmp(arguments[2], "hook") == 0) {
        hook = bench_stage;
    }
    while (fread(image, bench_image_bytes, 1, file) == 1) {
        bench_prepare(image);
        bench_run(output, hook);
        if (fwrite(output, bench_output_bytes, 1, stdout) != 1) {
            return 1;
        }
    }
    for (uint32_t i = 0; i < cuts; i++) {
        fprintf(stderr, "stage %u\n", (unsigned)stages[i]);
    }
    fclose(file);
    return 0;
}
