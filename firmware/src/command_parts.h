/* What the files of the binary dialect share, and nobody else needs. */
#ifndef ESP8K_COMMAND_PARTS_H
#define ESP8K_COMMAND_PARTS_H

#include "commands.h"

/* Every reply begins: request's CRC-32, boot, identity. */
#define PREFIX_BYTES 6u
#define HEAD_BYTES 4u /* of a request that carries an image */
#define STAGE_HEAD_BYTES 8u

/* ==== command_reply.c ==== */

/* Where the reply's own payload begins, behind header and prefix. */
uint8_t *command_payload(app_t *app);
/* Send it: `length` bytes of that payload. */
void command_reply(app_t *app, const link_frame_t *frame, uint8_t type,
                   uint32_t length);
void command_refuse(app_t *app, const link_frame_t *frame,
                    command_error_t code);

/* ==== command_image.c ==== */

void command_put(app_t *app, const link_frame_t *frame);
/*
 * Checks the engine and finds the image of a request whose head is so long.
 * NULL: a reply has been sent.
 */
const uint8_t *command_image(app_t *app, const link_frame_t *frame,
                             uint32_t head);

/* ==== command_infer.c ==== */

void command_infer(app_t *app, const link_frame_t *frame);
void command_stage_crcs(app_t *app, const link_frame_t *frame);
void command_stage_bytes(app_t *app, const link_frame_t *frame);

#endif
