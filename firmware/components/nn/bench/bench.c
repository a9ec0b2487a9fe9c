/* Runs one engine on one image and writes counters and logits, little-endian:
 * total, overhead of reading the counter, stages, count of each stage, logits.
 * Compiled by tools/emulator.py, which also writes
 * bench_config.h.
 */
#include "bench_config.h"

#include <stddef.h>
#include <stdint.h>

uint32_t bench_count(void);
void bench_write(const void *data, uint32_t bytes);
void bench_exit(uint32_t code);
void bench_main(void);

void *memcpy(void *to, const void *from, size_t bytes);

/* The compiler may copy a structure by it (at -O0 it does). */
void *memcpy(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    while (bytes--) {
        *t++ = *f++;
    }
    return to;
}

static uint32_t result[3 + BENCH_STAGES];
static BENCH_LOGIT logits[BENCH_CLASSES];
uint32_t bench_arena[(BENCH_ARENA + 3) / 4 + 1];

#if BENCH_STAGES > 0
static uint32_t mark;

static void record(void *context, uint32_t stage, const void *data,
                   uint32_t bytes)
{
    (void)context;
    (void)data;
    (void)bytes;
    const uint32_t now = bench_count();

    result[3 + stage] += now - mark; /* several times where rows are streamed */
    mark = bench_count();
}
#endif

void bench_main(void)
{
    uint32_t start = bench_count();

    result[1] = bench_count() - start;
    start = bench_count();
    BENCH_RUN(bench_arena, bench_image, logits, NULL, NULL);
    result[0] = bench_count() - start;
    result[2] = BENCH_STAGES;
#if BENCH_STAGES > 0
    mark = bench_count();
    BENCH_RUN(bench_arena, bench_image, logits, record, NULL);
#endif
    bench_write(result, sizeof result);
    bench_write(logits, sizeof logits);
    bench_exit(0);
}
