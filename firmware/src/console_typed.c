/* SPDX-License-Identifier: MIT */
/* See console_typed.h. */
#include "console_typed.h"

#include "console.h"
#include "console_say.h"
#include "hal.h"

#define PROMPT "esp8k> "
#define ERASE "\b \b" /* back, a space over it, back */

/*
 * A host that has not set its port to raw sends every line of ours back:
 * answering those would never end.
 */
static int is_our_own(const char *line)
{
    return (line[0] == 'm' || line[0] == 'e') && line[1] == '-';
}

void console_line(app_t *app, const char *line)
{
    if (is_our_own(line)) {
        return;
    }
    app->counts.text_commands++;
    /* Noise and boot texts have line ends, too: only a command is a person. */
    if (console_run(app, line) == CONSOLE_KNOWN) {
        app->person = 1;
        app->confirmed = 1; /* noise at a wrong rate is no command */
        app->changed_us = hal_time_us();
    }
    if (app->person) {
        console_say(app, PROMPT);
    }
}

void console_empty_line(app_t *app)
{
    if (app->person) {
        console_say(app, PROMPT);
    }
}

void console_echo(app_t *app, uint8_t byte, uint32_t before,
                   link_event_t event)
{
    uint32_t after = app->reader.text_length;
    if (byte == 0) {
        app->person = 0; /* a frame begins */
    }
    if (!app->person) {
        return;
    }
    if (event == LINK_LINE || event == LINK_EMPTY_LINE ||
        event == LINK_TEXT_TOO_LONG) {
        console_say(app, LINE_END);
    } else if (event == LINK_NOTHING && after > before) {
        app_write(app, &byte, 1);
    } else if (event == LINK_NOTHING && after < before) {
        console_say(app, ERASE);
    }
}
