/* SPDX-License-Identifier: MIT */
/* The binary dialect, see commands.h and PROTOCOL.md. */
#include "commands.h"

#include <string.h>

#include "command_frame.h"
#include "command_image.h"
#include "command_infer.h"
#include "command_reply.h"
#include "hal.h"
#include "link_bytes.h"
#include "link_text.h"

#define HASH_BYTES 32u
#define NAME_BYTES 31u /* longest name in a hello */

/* ==== Hello, statistics ==== */

static uint32_t put_name(uint8_t *out, const char *name)
{
    uint32_t length = 0;
    for (; *name != '\0' && length < NAME_BYTES; name++) {
        length++;
        out[length] = (uint8_t)*name;
    }
    out[0] = (uint8_t)length;
    return 1 + length;
}

static void hello(app_t *app, const link_frame_t *frame)
{
    static const char hash[] = ESP8K_WEIGHTS_HASH;
    const float scale = ESP8K_OUTPUT_SCALE;
    uint32_t scale_bits;
    uint8_t *out = command_payload(app);
    if (frame->length != 0) {
        command_refuse(app, frame, ERROR_LENGTH);
        return;
    }
    memcpy(&scale_bits, &scale, sizeof scale_bits);
    out[0] = 1u << ENGINE_INT8 | 1u << ENGINE_F16;
    out[1] = (uint8_t)hal_counter();
    out[2] = (uint8_t)hal_reset_reason();
    out[3] = APP_WINDOW;
    link_put16(out + 4, ESP8K_INPUT_BYTES);
    out[6] = ENGINE_CLASSES;
    out[7] = APP_FRAGMENT_BYTES;
    out[8] = ESP8K_INT8_STAGES;
    out[9] = ESP8K_F16_STAGES;
    link_put16(out + 10, APP_STAGE_CHUNK_BYTES);
    link_put32(out + 12, hal_counter_hz());
    link_put32(out + 16, app->baud);
    link_put32(out + 20, hal_boot_count());
    link_put32(out + 24, ESP8K_IDENTITY_CRC);
    link_put32(out + 28, ESP8K_INT8_ARENA_BYTES);
    link_put32(out + 32, ESP8K_F16_ARENA_BYTES);
    link_put32(out + 36, engine_arena_bytes());
    link_put32(out + 40, scale_bits);
    link_put32(out + 44, (uint32_t)(int32_t)ESP8K_OUTPUT_ZERO_POINT);
    for (uint32_t i = 0; i < HASH_BYTES; i++) {
        uint32_t high = (uint32_t)link_hex_digit(hash[2u * i]);
        uint32_t low = (uint32_t)link_hex_digit(hash[2u * i + 1u]);
        out[48 + i] = (uint8_t)(high << 4 | low);
    }
    uint32_t length = 48 + HASH_BYTES;
    length += put_name(out + length, ESP8K_MODEL_NAME);
    length += put_name(out + length, hal_board());
    link_put32(out + length, hal_boot_id());
    length += 4u;
    command_reply(app, frame, REQUEST_HELLO | REPLY, length);
}

static void statistics(app_t *app, const link_frame_t *frame)
{
    uint8_t *out = command_payload(app);
    uint64_t uptime_us = hal_time_us();
    if (frame->length != 0) {
        command_refuse(app, frame, ERROR_LENGTH);
        return;
    }
    link_put32(out + 0, app->counts.frames);
    link_put32(out + 4, app->counts.crc_errors);
    link_put32(out + 8, app->counts.bad_frames);
    link_put32(out + 12, app->counts.replays);
    link_put32(out + 16, app->counts.errors);
    link_put32(out + 20, app->counts.inferences);
    link_put32(out + 24, app->counts.text_commands);
    link_put32(out + 28, hal_boot_count());
    link_put32(out + 32, hal_reset_reason());
    link_put32(out + 36, hal_stack_used_bytes());
    link_put32(out + 40, (uint32_t)(uptime_us & 0xFFFFFFFFu));
    link_put32(out + 44, (uint32_t)(uptime_us >> 32));
    command_reply(app, frame, REQUEST_STATISTICS | REPLY, 48);
}

/* ==== Baud rate ==== */

static void set_baud(app_t *app, const link_frame_t *frame)
{
    if (frame->length != 4u) {
        command_refuse(app, frame, ERROR_LENGTH);
        return;
    }
    uint32_t baud = link_get32(frame->payload);
    if (baud < APP_MIN_BAUD || baud > APP_MAX_BAUD) {
        command_refuse(app, frame, ERROR_RANGE);
        return;
    }
    if (app->baud_fixed) {
        command_refuse(app, frame, ERROR_UNSUPPORTED);
        return;
    }
    link_put32(command_payload(app), baud);
    command_reply(app, frame, REQUEST_SET_BAUD | REPLY, 4);
    if (baud == app->baud || hal_set_baud(baud) != HAL_OK) {
        return;
    }
    app->old_baud = app->baud;
    app->baud = baud;
    app->confirmed = 0;
    app->changed_us = hal_time_us();
}

/* ==== Dispatch ==== */

/* Intact, but longer than any request: its payload was not kept. */
static void too_long(app_t *app, const link_frame_t *frame)
{
    if (frame->type == REQUEST_PUT) {
        app->counts.errors++; /* never answered */
    } else if (frame->type < REQUEST_HELLO ||
               frame->type > REQUEST_INFER_FRAME) {
        command_refuse(app, frame, ERROR_TYPE);
    } else {
        command_refuse(app, frame, ERROR_LENGTH);
    }
}

void command_run(app_t *app, const link_frame_t *frame)
{
    if (frame->version != LINK_VERSION) {
        command_refuse(app, frame, ERROR_VERSION);
        return;
    }
    if (frame->length > LINK_MAX_REQUEST_PAYLOAD_BYTES) {
        too_long(app, frame);
        return;
    }
    switch (frame->type) {
    case REQUEST_HELLO:
        hello(app, frame);
        break;
    case REQUEST_INFER:
        command_infer(app, frame);
        break;
    case REQUEST_PUT:
        command_put(app, frame);
        break;
    case REQUEST_STAGE_CRCS:
        command_stage_crcs(app, frame);
        break;
    case REQUEST_STAGE_BYTES:
        command_stage_bytes(app, frame);
        break;
    case REQUEST_SET_BAUD:
        set_baud(app, frame);
        break;
    case REQUEST_STATISTICS:
        statistics(app, frame);
        break;
    case REQUEST_FRAME:
        command_frame(app, frame);
        break;
    case REQUEST_INFER_FRAME:
        command_infer_frame(app, frame);
        break;
    default:
        command_refuse(app, frame, ERROR_TYPE);
        break;
    }
}
