/* SPDX-License-Identifier: MIT */
/* The text dialect, see console.h. */
#include "console.h"

#include <stddef.h>

#include "console_db.h"
#include "console_infer.h"
#include "console_look.h"
#include "console_say.h"
#include "hal.h"
#include "link_text.h"

#define PROFILE "ULPMark for tinyML Firmware V0.0.1" /* what runners expect */
#define MODEL_VERSION "mnist01"

void console_ready(app_t *app, int boot)
{
    if (boot) {
        console_say(app, "m-init-done" LINE_END);
    }
    console_say(app, "m-ready" LINE_END);
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
        "A command ends with Enter, or with a % and without echo.",
        "",
        "help           : Print this information",
        "sample D       : Draw a built-in digit D (0 to 9) and say what it is",
        "stats          : Print what was counted since boot",
        "engine NAME    : Use int8 or f16 from now on",
        "name           : Print the name of the device",
        "profile        : Print the profile and the model's name",
        "timestamp      : Print the microseconds since boot",
        "db load N      : Expect N bytes of an image from now on",
        "db HH[HH]*     : Give them in hex, until N have come",
        "db print [N] [OFFSET]",
        "               : Print N bytes at OFFSET as hex",
        "infer [N=1] [W=10]",
        "               : Run N times on the image, after W for warm-up;",
        "                 any key breaks that off after the first second",
        "results        : Print the last result, as probabilities",
    };
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        console_say(app, lines[i]);
        console_say(app, LINE_END);
    }
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

console_status_t console_run(app_t *app, const char *command)
{
    console_status_t status = CONSOLE_KNOWN;
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
        console_infer(app, &rest);
    } else if (link_word_is(verb, "results")) {
        console_results(app);
    } else if (link_word_is(verb, "sample")) {
        console_sample(app, &rest);
    } else if (link_word_is(verb, "stats")) {
        console_stats(app);
    } else if (link_word_is(verb, "engine")) {
        choose_engine(app, &rest);
    } else {
        console_word(app, "e-[Unknown command: ", verb, "]" LINE_END);
        status = CONSOLE_UNKNOWN;
    }
    console_ready(app, 0);
    return status;
}
