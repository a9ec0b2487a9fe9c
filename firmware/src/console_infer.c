/* SPDX-License-Identifier: MIT */
/* Inferences of the text dialect, and what they found. */
#include "console_infer.h"

#include <stddef.h>

#include "console_say.h"
#include "hal.h"

#define DEFAULT_ITERATIONS 1
#define DEFAULT_WARMUPS 10

void console_results(app_t *app)
{
    uint32_t thousandths[ENGINE_CLASSES];
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    if (!app->text_has_result) {
        console_say(app, "e-[No result yet: 'infer' first]" LINE_END);
        return;
    }
    engine_softmax(&app->text_result, thousandths);
    link_put_text(&line, "m-results-[");
    for (uint32_t i = 0; i < ENGINE_CLASSES; i++) {
        uint32_t part = thousandths[i];
        link_put_text(&line, part >= 1000u ? "1." : "0.");
        part = part >= 1000u ? 0u : part;
        link_put_char(&line, (char)('0' + part / 100u));
        link_put_char(&line, (char)('0' + part / 10u % 10u));
        link_put_char(&line, (char)('0' + part % 10u));
        if (i + 1u < ENGINE_CLASSES) {
            link_put_char(&line, ',');
        }
    }
    link_put_text(&line, "]" LINE_END);
    console_send(app, &line);
}

/*
 * 1: a byte came, or the line closed, so whoever asked no longer wants this.
 * Not looked for within the first second: a command may be sent ahead of the
 * answer of one that is short.
 */
static int broken_off(app_t *app, uint64_t *look_us)
{
    uint64_t now_us = hal_time_us();
    uint32_t got = 0;
    if (now_us < *look_us) {
        return 0;
    }
    *look_us = now_us + APP_BREAK_NEXT_US;
    if (app->behind > 0) {
        return 1;
    }
    hal_status_t status = hal_read(&app->early, 1, 0, &got);
    if (status == HAL_CLOSED) {
        app->closed = 1;
    }
    app->has_early = status == HAL_OK;
    return status == HAL_OK || status == HAL_CLOSED;
}

/* 0: all of them were run. */
static int run_times(app_t *app, int32_t times, uint64_t *look_us)
{
    for (int32_t i = 0; i < times; i++) {
        engine_run(app->text_engine, (const uint8_t *)app->staged.words,
                   &app->text_result, NULL, NULL);
        app->text_has_result = 1;
        app->counts.inferences++;
        if (i + 1 < times && broken_off(app, look_us)) {
            console_number(app, "e-[Broken off after ", (uint32_t)i + 1u,
                           " inferences]" LINE_END);
            return 1;
        }
    }
    return 0;
}

void console_infer(app_t *app, const char **rest)
{
    int32_t times = DEFAULT_ITERATIONS;
    int32_t warmups = DEFAULT_WARMUPS;
    const staged_t *staged = &app->staged;
    link_word_t word = link_next_word(rest);
    link_word_t warmup_word = link_next_word(rest);
    if (word.length > 0 &&
        (link_word_number(word, &times) != 0 || times <= 0)) {
        console_say(app, "e-[Inference iterations must be >0]" LINE_END);
        return;
    }
    if (warmup_word.length > 0 &&
        (link_word_number(warmup_word, &warmups) != 0 || warmups < 0)) {
        console_say(app, "e-[Inference warmup must be >=0]" LINE_END);
        return;
    }
    if (times > APP_MAX_ITERATIONS || warmups > APP_MAX_ITERATIONS) {
        console_number(app, "e-[Inference iterations and warmup must be <=",
                       APP_MAX_ITERATIONS, "]" LINE_END);
        return;
    }
    if (staged->by != STAGED_TEXT || staged->filled != ESP8K_INPUT_BYTES) {
        console_number(app, "e-[Input db has fewer bytes than expected: ",
                       ESP8K_INPUT_BYTES, "]" LINE_END);
        return;
    }
    console_number(app, "m-warmup-start-", (uint32_t)warmups, LINE_END);
    uint64_t look_us = hal_time_us() + APP_BREAK_FIRST_US;
    if (run_times(app, warmups, &look_us) != 0) {
        return;
    }
    console_say(app, "m-warmup-done" LINE_END);
    console_number(app, "m-infer-start-", (uint32_t)times, LINE_END);
    console_timestamp(app);
    if (run_times(app, times, &look_us) != 0) {
        return;
    }
    console_timestamp(app);
    console_say(app, "m-infer-done" LINE_END);
    console_results(app);
}
