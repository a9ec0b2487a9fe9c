/* SPDX-License-Identifier: MIT */
/* Replies of the binary dialect. */
#include "command_reply.h"

#include "hal.h"
#include "link_bytes.h"

uint8_t *command_payload(app_t *app)
{
    return app->body + LINK_HEADER_BYTES + PREFIX_BYTES;
}

void command_reply(app_t *app, const link_frame_t *frame, uint8_t type,
                   uint32_t length)
{
    uint8_t *prefix = app->body + LINK_HEADER_BYTES;
    link_put32(prefix, frame->crc);
    prefix[4] = (uint8_t)(hal_boot_id() & 0xFFu);
    prefix[5] = (uint8_t)(ESP8K_IDENTITY_CRC & 0xFFu);
    app->replay_valid = 0;
    if (link_frame_write(type, frame->sequence, app->body,
                         PREFIX_BYTES + length, app->tx, sizeof app->tx,
                         &app->tx_length) == LINK_OK) {
        app_write(app, app->tx, app->tx_length);
    }
}

void command_refuse(app_t *app, const link_frame_t *frame,
                    command_error_t code)
{
    uint8_t *out = command_payload(app);
    out[0] = (uint8_t)code;
    out[1] = frame->type;
    app->counts.errors++;
    command_reply(app, frame, REPLY_ERROR, 2);
}
