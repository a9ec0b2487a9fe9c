/* SPDX-License-Identifier: MIT */
/* A camera's frame in pieces, prepared and classified here. */
#ifndef ESP8K_COMMAND_FRAME_H
#define ESP8K_COMMAND_FRAME_H

#include "app_state.h"
#include "link_frame.h"

void command_frame(app_t *app, const link_frame_t *frame);
void command_infer_frame(app_t *app, const link_frame_t *frame);

#endif
