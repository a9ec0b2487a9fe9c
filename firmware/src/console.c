/* The text dialect, see console.h. */
#include "console.h"

#include <stddef.h>

#include "hal.h"
#include "link_text.h"

#define PROFILE "ULPMark for tinyML Firmware V0.0.1" /* what runners expect */
#define MODEL_VERSION "mnist01"
#define DEFAULT_ITERATIONS 1
#define DEFAULT_WARMUPS 10
#define PRINT_COLUMNS 8u
#define LINE_END "\r\n"

/* ==== Lines ==== */

static void send(app_t *app, const link_line_t *line)
{
    app_write(app, (const uint8_t *)line->at, line->length);
}

static void say(app_t *app, const char *text)
{
    uint32_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    app_write(app, (const uint8_t *)text, length);
}

/* before, number, after: the shape of nearly every message. */
static void say_number(app_t *app, const char *before, uint64_t number,
                       const char *after)
{
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    link_put_text(&line, before);
    link_put_number(&line, number);
    link_put_text(&line, after);
    send(app, &line);
}

static void say_word(app_t *app, const char *before, link_word_t word,
                     const char *after)
{
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    link_put_text(&line, before);
    for (uint32_t i = 0; i < word.length; i++) {
        link_put_char(&line, word.at[i]);
    }
    link_put_text(&line, after);
    send(app, &line);
}

void console_ready(app_t *app, int boot)
{
    if (boot) {
        say(app, "m-init-done" LINE_END);
    }
    say(app, "m-ready" LINE_END);
}

void console_timestamp(app_t *app)
{
    say_number(app, "m-lap-us-", hal_time_us(), LINE_END);
}

void console_too_long(app_t *app)
{
    say_number(app, "e-[Command longer than ", LINK_MAX_TEXT_BYTES,
               " characters]" LINE_END);
    console_ready(app, 0);
}

/* ==== name, profile, help ==== */

static void profile(app_t *app)
{
    say(app, "m-profile-[" PROFILE "]" LINE_END);
    say(app, "m-model-[" MODEL_VERSION "]" LINE_END);
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
        say(app, lines[i]);
        say(app, LINE_END);
    }
}

/* ==== db ==== */

static void db_load(app_t *app, const char **rest)
{
    staged_t *staged = &app->staged;
    int32_t bytes = 0;
    link_word_t word = link_next_word(rest);
    if (word.length == 0) {
        say(app, "e-[Command 'db load' requires the # of bytes]" LINE_END);
        return;
    }
    if (link_word_number(word, &bytes) != 0 || bytes <= 0) {
        say(app, "e-[Command 'db load' must be >0 bytes]" LINE_END);
        return;
    }
    if ((uint32_t)bytes > ESP8K_INPUT_BYTES) {
        say_number(app, "e-[Supplied buffer size exceeds maximum of ",
                   ESP8K_INPUT_BYTES, "]" LINE_END);
        return;
    }
    staged->by = STAGED_TEXT;
    staged->expected = (uint32_t)bytes;
    staged->filled = 0;
    say_number(app, "m-[Expecting ", staged->expected, " bytes]" LINE_END);
}

static void db_print(app_t *app, const char **rest)
{
    const staged_t *staged = &app->staged;
    const uint8_t *pixels = (const uint8_t *)staged->words;
    uint32_t size = staged->by == STAGED_TEXT ? staged->expected : 0;
    int32_t count = (int32_t)size;
    int32_t offset = 0;
    link_word_t count_word = link_next_word(rest);
    link_word_t offset_word = link_next_word(rest);
    if ((count_word.length > 0 && link_word_number(count_word, &count)) ||
        (offset_word.length > 0 && link_word_number(offset_word, &offset)) ||
        count < 0 || offset < 0 || (uint32_t)offset > size ||
        (uint32_t)count > size - (uint32_t)offset) {
        say_number(app, "e-[Command 'db print' is limited to the ", size,
                   " bytes of 'db load']" LINE_END);
        return;
    }
    for (uint32_t i = 0; i < (uint32_t)count; i += PRINT_COLUMNS) {
        char bytes[APP_LINE_BYTES];
        link_line_t line = {bytes, sizeof bytes, 0};
        link_put_text(&line, "m-buffer-");
        for (uint32_t j = i; j < i + PRINT_COLUMNS && j < (uint32_t)count;
             j++) {
            if (j > i) {
                link_put_char(&line, '-');
            }
            link_put_hex(&line, pixels[(uint32_t)offset + j]);
        }
        link_put_text(&line, LINE_END);
        send(app, &line);
    }
}

/* The digits are checked before the first byte is stored. */
static void db_bytes(app_t *app, link_word_t digits)
{
    staged_t *staged = &app->staged;
    uint8_t *pixels = (uint8_t *)staged->words;
    uint32_t count = digits.length / 2u;
    if (staged->by != STAGED_TEXT || staged->filled == staged->expected) {
        say(app, "e-[Command 'db' requires a 'db load' before]" LINE_END);
        return;
    }
    if (digits.length % 2u != 0) {
        say(app, "e-[Insufficent number of hex digits]" LINE_END); /* sic */
        return;
    }
    for (uint32_t i = 0; i < digits.length; i++) {
        if (link_hex_digit(digits.at[i]) < 0) {
            link_word_t pair = {digits.at + (i & ~(uint32_t)1u), 2};
            say_word(app, "e-[Invalid hex digit '", pair, "']" LINE_END);
            return;
        }
    }
    if (count > staged->expected - staged->filled) {
        say_number(app, "e-[Too many bytes: expecting ",
                   staged->expected - staged->filled, "]" LINE_END);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t high = (uint32_t)link_hex_digit(digits.at[2u * i]);
        uint32_t low = (uint32_t)link_hex_digit(digits.at[2u * i + 1u]);
        pixels[staged->filled++] = (uint8_t)(high << 4 | low);
    }
    if (staged->filled == staged->expected) {
        say(app, "m-load-done" LINE_END);
    }
}

static void db(app_t *app, const char **rest)
{
    link_word_t word = link_next_word(rest);
    if (word.length == 0) {
        say(app, "e-[Command 'db' requires a subcommand]" LINE_END);
    } else if (link_word_is(word, "load")) {
        db_load(app, rest);
    } else if (link_word_is(word, "print")) {
        db_print(app, rest);
    } else {
        db_bytes(app, word);
    }
}

/* ==== infer, results ==== */

static void results(app_t *app)
{
    uint32_t thousandths[ESP8K_CLASSES];
    char bytes[APP_LINE_BYTES];
    link_line_t line = {bytes, sizeof bytes, 0};
    if (!app->text_has_result) {
        say(app, "e-[No result yet: 'infer' first]" LINE_END);
        return;
    }
    engine_softmax(&app->text_result, thousandths);
    link_put_text(&line, "m-results-[");
    for (uint32_t i = 0; i < ESP8K_CLASSES; i++) {
        uint32_t part = thousandths[i];
        link_put_text(&line, part >= 1000u ? "1." : "0.");
        part = part >= 1000u ? 0u : part;
        link_put_char(&line, (char)('0' + part / 100u));
        link_put_char(&line, (char)('0' + part / 10u % 10u));
        link_put_char(&line, (char)('0' + part % 10u));
        if (i + 1u < ESP8K_CLASSES) {
            link_put_char(&line, ',');
        }
    }
    link_put_text(&line, "]" LINE_END);
    send(app, &line);
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
        say(app, "e-[Inference iterations must be >0]" LINE_END);
        return;
    }
    if (warmup_word.length > 0 &&
        (link_word_number(warmup_word, &warmups) != 0 || warmups < 0)) {
        say(app, "e-[Inference warmup must be >=0]" LINE_END);
        return;
    }
    if (times > APP_MAX_ITERATIONS || warmups > APP_MAX_ITERATIONS) {
        say_number(app, "e-[Inference iterations and warmup must be <=",
                   APP_MAX_ITERATIONS, "]" LINE_END);
        return;
    }
    if (staged->by != STAGED_TEXT || staged->filled != ESP8K_INPUT_BYTES) {
        say_number(app, "e-[Input db has fewer bytes than expected: ",
                   ESP8K_INPUT_BYTES, "]" LINE_END);
        return;
    }
    say_number(app, "m-warmup-start-", (uint64_t)(uint32_t)warmups, LINE_END);
    run_times(app, warmups);
    say(app, "m-warmup-done" LINE_END);
    say_number(app, "m-infer-start-", (uint64_t)(uint32_t)times, LINE_END);
    console_timestamp(app);
    run_times(app, times);
    console_timestamp(app);
    say(app, "m-infer-done" LINE_END);
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
        say(app, "e-[Command 'engine' requires int8 or f16]" LINE_END);
        return;
    }
    say_word(app, "m-engine-[", name, "]" LINE_END);
}

void console_run(app_t *app, const char *command)
{
    const char *rest = command;
    link_word_t verb = link_next_word(&rest);
    if (link_word_is(verb, "name")) {
        say(app, "m-name-dut-[esp8k]" LINE_END);
    } else if (link_word_is(verb, "timestamp")) {
        console_timestamp(app);
    } else if (link_word_is(verb, "profile")) {
        profile(app);
    } else if (link_word_is(verb, "help")) {
        help(app);
    } else if (link_word_is(verb, "db")) {
        db(app, &rest);
    } else if (link_word_is(verb, "infer")) {
        infer(app, &rest);
    } else if (link_word_is(verb, "results")) {
        results(app);
    } else if (link_word_is(verb, "engine")) {
        choose_engine(app, &rest);
    } else {
        say_word(app, "e-[Unknown command: ", verb, "]" LINE_END);
    }
    console_ready(app, 0);
}
