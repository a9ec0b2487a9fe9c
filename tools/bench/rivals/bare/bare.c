/*
 * Counts bench_run on a bare emulated core and prints what it saw, a line each:
 * "run N" counter ticks, "out HEX" the output, "stage I N", "stack N", "end".
 */
#include "bare.h"

#include <stddef.h>

#include "bench.h"

#define PAINT 0xA5A5A5A5u
#define OUTPUT_BYTES 4096u
#define STACK_MARGIN_WORDS 64u /* what the painting loop itself may stand on */

extern const uint32_t bare_images; /* images.c, generated */
extern const uint32_t bare_stages; /* whether to count each stage too */
extern const uint8_t bare_pixels[];

uint32_t bench_input[BENCH_INPUT_BYTES / 4u];
static uint32_t output[OUTPUT_BYTES / 4u];
static uint32_t stage_ticks[BENCH_STAGES];
static uint32_t last;

/* ==== Printing ==== */

static void print_text(const char *text)
{
    uint32_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    bare_write(text, length);
}

static void print_hex(const uint8_t *bytes, uint32_t length)
{
    static const char digit[] = "0123456789abcdef";
    char pair[2];

    for (uint32_t i = 0; i < length; i++) {
        pair[0] = digit[bytes[i] >> 4];
        pair[1] = digit[bytes[i] & 15u];
        bare_write(pair, 2);
    }
}

static void print_number(uint32_t value)
{
    uint8_t bytes[4];

    for (uint32_t i = 0; i < 4u; i++) {
        bytes[i] = (uint8_t)(value >> (24u - 8u * i));
    }
    print_hex(bytes, 4);
}

/* ==== Measuring ==== */

static void count_stage(void *context, uint32_t stage, const void *data,
                        uint32_t bytes)
{
    uint32_t now = bare_count();

    (void)context;
    (void)data;
    (void)bytes;
    if (stage < BENCH_STAGES) {
        stage_ticks[stage] += now - last;
    }
    last = bare_count();
}

/* What two readings with nothing between them differ by. */
static uint32_t overhead(void)
{
    uint32_t start = bare_count();

    return bare_count() - start;
}

static uint32_t *paint_stack(void)
{
    uint32_t here;
    uint32_t *top = &here - STACK_MARGIN_WORDS;

    for (uint32_t *word = stack_bottom; word < top; word++) {
        *(volatile uint32_t *)word = PAINT;
    }
    return top;
}

static void print_stack(const uint32_t *top)
{
    const uint32_t *word = stack_bottom;

    while (word < top && *(const volatile uint32_t *)word == PAINT) {
        word++;
    }
    print_text("stack ");
    print_number((uint32_t)(top - word + STACK_MARGIN_WORDS) * 4u);
    print_text("\n");
}

static void count_stages(void)
{
    last = bare_count();
    bench_run(output, count_stage);
    for (uint32_t i = 0; i < BENCH_STAGES; i++) {
        if (stage_ticks[i] != 0u) {
            print_text("stage ");
            print_number(i);
            print_text(" ");
            print_number(stage_ticks[i]);
            print_text("\n");
        }
    }
}

_Noreturn void bare_main(void)
{
    uint32_t nothing = overhead();
    uint32_t *top = paint_stack();
    uint32_t start;

    for (uint32_t i = 0; i < bare_images; i++) {
        bench_prepare(bare_pixels + i * bench_image_bytes);
        start = bare_count();
        bench_run(output, NULL);
        start = bare_count() - start - nothing;
        print_text("run ");
        print_number(start);
        print_text("\nout ");
        print_hex((const uint8_t *)output, bench_output_bytes);
        print_text("\n");
    }
    print_stack(top);
    if (bare_stages != 0u) {
        count_stages();
    }
    print_text("end\n");
    bare_exit(0);
}
