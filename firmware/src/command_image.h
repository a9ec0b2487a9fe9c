/* SPDX-License-Identifier: MIT */
/* Images that come in fragments. */
#ifndef ESP8K_COMMAND_IMAGE_H
#define ESP8K_COMMAND_IMAGE_H

#include "app_state.h"
#include "link_frame.h"

#define HEAD_BYTES 4u /* of a request that carries an image */

void command_put(app_t *app, const link_frame_t *frame);
/*
 * Checks the engine and finds the image of a request whose head is so long.
 * NULL: a reply has been sent.
 */
const uint8_t *command_image(app_t *app, const link_frame_t *frame,
                             uint32_t head);

#endif
