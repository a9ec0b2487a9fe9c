/* SPDX-License-Identifier: MIT */
/* Replies of the binary dialect, made in the application's buffer. */
#ifndef ESP8K_COMMAND_REPLY_H
#define ESP8K_COMMAND_REPLY_H

#include "app_state.h"
#include "command_codes.h"
#include "link_frame.h"

/* Every reply begins: request's CRC-32, boot, identity. */
#define PREFIX_BYTES 6u

/* Where the reply's own payload begins, behind header and prefix. */
uint8_t *command_payload(app_t *app);
/* Send it: `length` bytes of that payload. */
void command_reply(app_t *app, const link_frame_t *frame, uint8_t type,
                   uint32_t length);
void command_refuse(app_t *app, const link_frame_t *frame,
                    command_error_t code);

#endif
