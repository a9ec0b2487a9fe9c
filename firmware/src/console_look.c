/* SPDX-License-Identifier: MIT */
/* See console_look.h. */
#include "console_look.h"

#include <stddef.h>

#include "console_draw.h"
#include "console_say.h"
#include "hal.h"
#include "samples.h"

#define LEVEL 85u /* of 255: two bits a pixel */

/* ==== sample ==== */

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
        pixels[i] = (uint8_t)(console_level((uint32_t)digit, i) * LEVEL);
    }
    console_draw(app, (uint32_t)digit);
    engine_run(app->text_engine, pixels, &app->text_result, NULL, NULL);
    app->text_has_result = 1;
    app->counts.inferences++;
    console_class(app, &app->text_result);
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
