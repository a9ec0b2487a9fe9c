/* SPDX-License-Identifier: MIT */
/* The binary dialect: one request in, at most one reply out. */
#ifndef ESP8K_COMMANDS_H
#define ESP8K_COMMANDS_H

#include "app_state.h"
#include "link_frame.h"

void command_run(app_t *app, const link_frame_t *frame);

#endif
