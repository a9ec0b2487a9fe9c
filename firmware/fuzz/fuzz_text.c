/* SPDX-License-Identifier: MIT */
/*
 * Any text, as commands one after the other. Each answer ends in m-ready, and
 * one that is an error has changed nothing.
 */
#include <stddef.h>
#include <string.h>

#include "app.h"
#include "console.h"
#include "memory_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const app_t *app, const staged_t *before)
{
    static const char ready[] = "m-ready\r\n";
    const uint32_t tail = (uint32_t)(sizeof ready - 1u);
    uint32_t length = memory_output_length();
    const uint8_t *said = memory_output();
    if (length < tail || memcmp(said + length - tail, ready, tail) != 0) {
        __builtin_trap();
    }
    if (said[0] == 'e' &&
        memcmp(before, &app->staged, sizeof *before) != 0) {
        __builtin_trap();
    }
    for (uint32_t i = 0; i < length; i++) {
        int line_end = said[i] == '\r' || said[i] == '\n';
        if (!line_end && (said[i] < 0x20u || said[i] > 0x7Eu)) {
            __builtin_trap();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static app_t app;
    link_reader_t reader;
    app_init(&app);
    link_reader_init(&reader);
    for (size_t i = 0; i < size; i++) {
        link_event_t event = link_reader_feed(&reader, data[i]);
        if (event == LINK_NOTHING) {
            continue;
        }
        staged_t before = app.staged;
        memory_take_output();
        if (event == LINK_TEXT || event == LINK_LINE) {
            (void)console_run(&app, reader.text);
            check_answer(&app, &before);
        } else if (event == LINK_TEXT_TOO_LONG) {
            console_too_long(&app);
            check_answer(&app, &before);
        }
    }
    return 0;
}
