/* SPDX-License-Identifier: MIT */
/* The text dialect, see console.h. */
#include "console.h"

#include <stddef.h>

#include "console_db.h"
#include "console_say.h"
#include "hal.h"
#include "link_text.h"

#define PROFILE "ULPMark for tinyML Firmware V0.0.1" /* what runners expect */
#define MODEL_VERSION "mnist01"
#define DEFAULT_ITERATIONS 1
#define DEFAULT_WARMUPS 10

void console_ready(app_t *app, int boot)
{
    if (boot) {
        console_say(app, "m-init-done" LINE_END);
    }
    console_say(app, "m-ready" LINE_END);
}

void console_timestamp(app_t *app)
{
    console_number(app, "m-lap-us-", hal_time_us(), LINE_END);
}

void console_too_long(app_t *app)
{
    console_number(app, "e-[Command longer than ", LINK_MAX_TEXT_BYTES,
                   " characters]" LINE_END);
    console_ready(app, 0);
}

/* ==== name, profile, help ==== */

static void profile(app_t *app)
{
    console_say(app, "m-profile-[" PROFILE "]" LINE_END);
    console_say(app, "m-model-[" MODEL_VERSION "]" LINE_END);
}

static void help(app_t *app)
{
    static const char *const lines[] = {
        PROFILE,
        "",
        "help         : Print this information",
        "name         : Print the name of the device",
        "profile      : Print the profile and the model's name",
        "timestamp    : Print the microseconds since boot",
        "db SUBCMD    : Fill the image buffer",
        "  load N     : Expect N bytes from now on",
        "  HH[HH]*    : Hex bytes, until N have come",
        "  print [N] [OFFSET]",
        "             : Print N bytes at OFFSET as hex",
        "infer N [W=10]: N inferences of the buffer after W for warm-up",
        "results      : Print the last result, as probabilities",
        "engine NAME  : Use int8 or f16 from now on (ours, not MLPerf's)",
    };
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        console_say(app, lines[i]);
        console_say(app, LINE_END);
    }
}

/* ==== infer, results ==== */

static void results(app_t *app)
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

static void run_times(app_t *app, int32_t times)
{
    for (int32_t i = 0; i < times; i++) {
        engine_run(app->text_engine, (const uint8_t *)app->staged.words,
                   &app->text_result, NULL, NULL);
        app->text_has_result = 1;
        app->counts.inferences++;
    }
}

static void infer(app_t *app, const char **rest)
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
    run_times(app, warmups);
    console_say(app, "m-warmup-done" LINE_END);
    console_number(app, "m-infer-start-", (uint32_t)times, LINE_END);
    console_timestamp(app);
    run_times(app, times);
    console_timestamp(app);
    console_say(app, "m-infer-done" LINE_END);
    results(app);
}

/* ==== Dispatch ==== */

static void choose_engine(app_t *app, const char **rest)
{
    link_word_t name = link_next_word(rest);
    if (link_word_is(name, "int8")) {
        app->text_engine = ENGINE_INT8;
    } else if (link_word_is(name, "f16")) {
        app->text_engine = ENGINE_F16;
    } else {
        console_say(app, "e-[Command 'engine' requires int8 or f16]" LINE_END);
        return;
    }
    console_word(app, "m-engine-[", name, "]" LINE_END);
}

void console_run(app_t *app, const char *command)
{
    const char *rest = command;
    link_word_t verb = link_next_word(&rest);
    if (link_word_is(verb, "name")) {
        console_say(app, "m-name-dut-[esp8k]" LINE_END);
    } else if (link_word_is(verb, "timestamp")) {
        console_timestamp(app);
    } else if (link_word_is(verb, "profile")) {
        profile(app);
    } else if (link_word_is(verb, "help")) {
        help(app);
    } else if (link_word_is(verb, "db")) {
        console_db(app, &rest);
    } else if (link_word_is(verb, "infer")) {
        infer(app, &rest);
    } else if (link_word_is(verb, "results")) {
        results(app);
    } else if (link_word_is(verb, "engine")) {
        choose_engine(app, &rest);
    } else {
        console_word(app, "e-[Unknown command: ", verb, "]" LINE_END);
    }
    console_ready(app, 0);
}
