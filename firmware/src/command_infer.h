/* SPDX-License-Identifier: MIT */
/* Requests that run the network: a class, every stage's CRC, its bytes. */
#ifndef ESP8K_COMMAND_INFER_H
#define ESP8K_COMMAND_INFER_H

#include "app_state.h"
#include "link_frame.h"

#define STAGE_HEAD_BYTES 8u /* of a request for a stage's bytes */

/* The logits behind a reply's head; their bytes. */
uint32_t command_put_logits(uint8_t *out, const engine_result_t *result);
void command_infer(app_t *app, const link_frame_t *frame);
void command_stage_crcs(app_t *app, const link_frame_t *frame);
void command_stage_bytes(app_t *app, const link_frame_t *frame);

#endif
