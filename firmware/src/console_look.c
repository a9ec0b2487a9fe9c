/* SPDX-License-Identifier: MIT */
/* See console_look.h. */
#include "console_look.h"

#include <stddef.h>

#include "console_say.h"
#include "hal.h"
#include "samples.h"

#define LEVEL 85u /* of 255: two bits a pixel */

/* ==== sample ==== */

/* Pixel `at` of a digit, 0..3. */
static uint8_t level(uint32_t digit, uint32_t at)
{
    return app_samples[digit][at / 4u] >> at % 4u * 2u & 3u;
}

static void draw(app_t *app, uint32_t digit)
{
    static const char ink[] = " .o#";
    for (uint32_t row = SAMPLES_MARGIN; row < SAMPLES_SIDE - SAMPLES_MARGIN;
         row++) {
        char bytes[APP_LINE_BYTES];
        link_line_t line = {bytes, sizeof bytes, 0};
        for (uint32_t column = 0; column < SAMPLES_SIDE; column++) {
            char shown = ink[level(digit, row * SAMPLES_SIDE + column)];
            link_put_char(&line, shown); /* twice: a character is narrow */
            link_put_char(&line, shown);
        }
        while (line.length > 0 && bytes[line.length - 1u] == ' ') {
            line.length--;
        }
        link_put_text(&line, LINE_END);
        console_send(app, &line);
    }
}

static void say_class(app_t *app, const engine_result_t *result)
{
    uint32_t thousandths[ENGINE_CLASSES];
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    engine_softmax(result, thousandths);
    link_put_text(&line, result->engine == ENGINE_INT8 ? "int8" : "f16");
    link_put_text(&line, " says ");
    link_put_number(&line, result->label);
    link_put_text(&line, ", with ");
    link_put_number(&line, thousandths[result->label]);
    link_put_text(&line, " of 1000");
    if (result->time_us != ENGINE_NO_TIME) {
        link_put_text(&line, ", after ");
        link_put_number(&line, result->time_us);
        link_put_text(&line, " us");
    }
    link_put_text(&line, LINE_END);
    console_send(app, &line);
}

void console_sample(app_t *app, const char **rest)
{
    staged_t *staged = &app->staged;
    uint8_t *pixels = (uint8_t *)staged->words;
    int32_t digit = -1;
    if (link_word_number(link_next_word(rest), &digit) != 0 || digit < 0 ||
        (uint32_t)digit >= SAMPLES) {
        console_say(app, "e-[Command 'sample' requires a digit, 0 to 9]"
                         LINE_END);
        return;
    }
    staged->by = STAGED_TEXT;
    staged->expected = staged->filled = ESP8K_INPUT_BYTES;
    for (uint32_t i = 0; i < ESP8K_INPUT_BYTES; i++) {
        pixels[i] = (uint8_t)(level((uint32_t)digit, i) * LEVEL);
    }
    draw(app, (uint32_t)digit);
    engine_run(app->text_engine, pixels, &app->text_result, NULL, NULL);
    app->text_has_result = 1;
    app->counts.inferences++;
    say_class(app, &app->text_result);
}

/* ==== stats ==== */

void console_stats(app_t *app)
{
    const app_counts_t *counts = &app->counts;
    const struct {
        const char *name;
        uint64_t value;
    } lines[] = {
        {"boot                 : ", hal_boot_count()},
        {"seconds since boot   : ", hal_time_us() / 1000000u},
        {"inferences           : ", counts->inferences},
        {"commands             : ", counts->text_commands},
        {"frames               : ", counts->frames},
        {"frames sent again    : ", counts->replays},
        {"requests refused     : ", counts->errors},
        {"frames with bad CRC  : ", counts->crc_errors},
        {"frames cut or no such: ", counts->bad_frames},
        {"bytes of stack used  : ", hal_stack_used_bytes()},
        {"bytes of working RAM : ", engine_arena_bytes()},
    };
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        console_number(app, lines[i].name, lines[i].value, LINE_END);
    }
}
