/* SPDX-License-Identifier: MIT */
/* See console_draw.h. */
#include "console_draw.h"

#include "console_say.h"
#include "samples.h"

uint8_t console_level(uint32_t digit, uint32_t at)
{
    const uint32_t four = app_samples[digit][at / 4u];
    return (uint8_t)(four >> at % 4u * 2u & 3u);
}

void console_draw(app_t *app, uint32_t digit)
{
    static const char ink[] = " .o#";
    for (uint32_t row = SAMPLES_MARGIN; row < SAMPLES_SIDE - SAMPLES_MARGIN;
         row++) {
        char bytes[APP_LINE_BYTES];
        link_line_t line = {bytes, sizeof bytes, 0};
        for (uint32_t column = 0; column < SAMPLES_SIDE; column++) {
            char shown = ink[console_level(digit, row * SAMPLES_SIDE + column)];
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

void console_class(app_t *app, const engine_result_t *result)
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
