/* SPDX-License-Identifier: MIT */
/* The loop: bytes in, events to the dialects, baud rates watched. */
#include "app.h"

#include <string.h>

#include "commands.h"
#include "console.h"
#include "console_say.h"
#include "console_typed.h"
#include "hal.h"

#define READ_BYTES 256u
#define MS_US 1000u

static const char banner_mode[] = "m-timestamp-mode-performance\r\n";

/* ==== Start ==== */

void app_init(app_t *app)
{
    memset(app, 0, sizeof *app);
    link_reader_init(&app->reader);
    app->text_engine = ENGINE_INT8;
    app->baud = APP_DEFAULT_BAUD;
    app->old_baud = APP_DEFAULT_BAUD;
    app->confirmed = 1;
    /* Ask once whether this board has such a thing as a baud rate. */
    app->baud_fixed = hal_set_baud(APP_DEFAULT_BAUD) != HAL_OK;
}

void app_greet(app_t *app)
{
    app_write(app, (const uint8_t *)banner_mode,
              (uint32_t)(sizeof banner_mode - 1u));
    console_timestamp(app);
    console_ready(app, 1);
}

/* ==== Bytes ==== */

static void heard(app_t *app)
{
    app->person = 0; /* a machine speaks: what it says is not echoed */
    app->confirmed = 1;
    app->changed_us = hal_time_us();
}

static void handle(app_t *app, link_event_t event)
{
    switch (event) {
    case LINK_FRAME:
    case LINK_LONG_FRAME:
        app->counts.frames++;
        heard(app);
        command_run(app, &app->reader.frame);
        break;
    case LINK_TEXT:
        app->counts.text_commands++;
        heard(app);
        (void)console_run(app, app->reader.text);
        break;
    case LINK_LINE:
        console_line(app, app->reader.text);
        break;
    case LINK_EMPTY_LINE:
        console_empty_line(app);
        break;
    case LINK_TEXT_TOO_LONG:
        console_too_long(app);
        break;
    case LINK_BAD_CRC:
        app->counts.crc_errors++;
        break;
    case LINK_BAD_FRAME:
        app->counts.bad_frames++;
        break;
    case LINK_NOTHING:
    default:
        break;
    }
}

static void take(app_t *app, uint8_t byte)
{
    uint32_t before = app->reader.text_length;
    link_event_t event = link_reader_feed(&app->reader, byte);
    console_echo(app, byte, before, event);
    handle(app, event);
}

void app_feed(app_t *app, const uint8_t *bytes, uint32_t length)
{
    uint64_t now_us = hal_time_us(); /* 0 on boards without a clock */
    if (now_us - app->heard_us > (uint64_t)APP_FRAME_IDLE_MS * MS_US) {
        handle(app, link_reader_idle(&app->reader));
    }
    for (uint32_t i = 0; i < length && !app->closed; i++) {
        app->behind = length - i - 1u;
        take(app, bytes[i]);
    }
    while (app->has_early && !app->closed) {
        app->has_early = 0;
        take(app, app->early);
    }
    /* An inference between two bytes is no silence of the line. */
    app->heard_us = hal_time_us();
}

/* ==== Baud rate ==== */

static uint32_t limit_ms(const app_t *app)
{
    if (!app->confirmed) {
        return APP_BAUD_CONFIRM_MS;
    }
    return app->baud == APP_DEFAULT_BAUD ? HAL_FOREVER : APP_BAUD_IDLE_MS;
}

uint32_t app_patience_ms(const app_t *app)
{
    uint32_t limit = limit_ms(app);
    if (limit == HAL_FOREVER) {
        return HAL_FOREVER;
    }
    uint64_t silent_us = hal_time_us() - app->changed_us;
    uint64_t limit_us = (uint64_t)limit * MS_US;
    if (silent_us >= limit_us) {
        return 0;
    }
    /* At most 10,000,000 us: 32 bits are enough. Never 0 before its time. */
    return (uint32_t)(limit_us - silent_us) / MS_US + 1u;
}

void app_tick(app_t *app)
{
    if (app_patience_ms(app) != 0) {
        return;
    }
    uint32_t back = app->confirmed ? APP_DEFAULT_BAUD : app->old_baud;
    if (hal_set_baud(back) == HAL_OK) {
        app->baud = back;
    }
    link_reader_init(&app->reader);
    app->confirmed = 1;
    app->changed_us = hal_time_us();
}

/* ==== Loop ==== */

void esp8k_app(void)
{
    static app_t app; /* owner: this function */
    static uint8_t bytes[READ_BYTES];
    app_init(&app);
    app_greet(&app);
    while (!app.closed) {
        uint32_t got = 0;
        hal_status_t status =
            hal_read(bytes, READ_BYTES, app_patience_ms(&app), &got);
        if (status == HAL_CLOSED) {
            return;
        }
        if (status == HAL_OK) {
            app_feed(&app, bytes, got);
        }
        app_tick(&app);
    }
}
