/* SPDX-License-Identifier: MIT */
/*
 * A frame comes in pieces, in order, and is prepared as it comes: it is never
 * held. Its 28x28 pixels are kept, so that it may be asked about again.
 */
#include "command_frame.h"

#include <stddef.h>

#include "command_infer.h"
#include "command_reply.h"
#include "hal.h"
#include "link_bytes.h"
#include "link_crc.h"

#define PIECE_HEAD_BYTES 12u
#define ASK_BYTES 8u
#define ANSWER_BYTES 31u /* in front of the logits */

typedef char a_piece_fits[PIECE_HEAD_BYTES + APP_FRAME_PIECE_BYTES <=
                                  LINK_MAX_REQUEST_PAYLOAD_BYTES
                              ? 1
                              : -1];
typedef char the_network_takes_it[NN_PREPARE_OUTPUT_BYTES == ESP8K_INPUT_BYTES
                                      ? 1
                                      : -1];

/* ==== Pieces ==== */

static command_error_t begin(camera_t *camera, uint32_t tag, uint32_t width,
                             uint32_t height)
{
    camera->known = 0;
    if (nn_prepare_begin(&camera->state, width, height) != NN_PREPARE_OK) {
        return ERROR_RANGE;
    }
    camera->known = 1;
    camera->prepared = 0;
    camera->tag = tag;
    camera->width = width;
    camera->height = height;
    camera->received = 0;
    camera->crc = 0;
    return ERROR_NONE;
}

static command_error_t take(camera_t *camera, uint32_t offset,
                            const uint8_t *pixels, uint32_t count)
{
    uint32_t whole = camera->width * camera->height;
    if (offset > whole || count > whole - offset) {
        return ERROR_RANGE;
    }
    if (offset + count <= camera->received) {
        return ERROR_NONE; /* sent again: it is there */
    }
    if (offset != camera->received) {
        return ERROR_ORDER;
    }
    (void)nn_prepare_feed(&camera->state, pixels, count);
    camera->crc = link_crc32(camera->crc, pixels, count);
    camera->received += count;
    return ERROR_NONE;
}

void command_frame(app_t *app, const link_frame_t *frame)
{
    camera_t *camera = &app->camera;
    command_error_t error = ERROR_NONE;
    if (frame->length <= PIECE_HEAD_BYTES ||
        frame->length > PIECE_HEAD_BYTES + APP_FRAME_PIECE_BYTES) {
        command_refuse(app, frame, ERROR_LENGTH);
        return;
    }
    uint32_t tag = link_get32(frame->payload);
    uint32_t width = link_get16(frame->payload + 4);
    uint32_t height = link_get16(frame->payload + 6);
    uint32_t offset = link_get32(frame->payload + 8);
    if (!camera->known || camera->tag != tag || camera->width != width ||
        camera->height != height) {
        error = offset != 0u ? ERROR_ORDER : begin(camera, tag, width, height);
    }
    if (error == ERROR_NONE) {
        error = take(camera, offset, frame->payload + PIECE_HEAD_BYTES,
                     frame->length - PIECE_HEAD_BYTES);
    }
    if (error != ERROR_NONE) {
        command_refuse(app, frame, error);
        return;
    }
    link_put32(command_payload(app), camera->received);
    command_reply(app, frame, REQUEST_FRAME | REPLY, 4);
}

/* ==== The whole ==== */

/* The 28x28 pixels of a frame that is there as a whole. */
static void prepare(camera_t *camera)
{
    hal_alive();
    uint64_t start_us = hal_time_us();
    uint32_t start = hal_count();
    camera->found = nn_prepare_end(&camera->state, NN_PREPARE_AUTO,
                                   (uint8_t *)camera->words,
                                   &camera->box) == NN_PREPARE_OK;
    uint32_t end = hal_count();
    uint64_t end_us = hal_time_us();
    camera->prepare_count =
        hal_counter() == HAL_COUNTER_NONE ? 0u : end - start;
    camera->prepare_us =
        end_us == 0 ? ENGINE_NO_TIME : (uint32_t)(end_us - start_us);
    camera->prepared = 1;
}

static command_error_t check(camera_t *camera, const link_frame_t *frame)
{
    const uint8_t *asked = frame->payload;
    if (frame->length != ASK_BYTES) {
        return ERROR_LENGTH;
    }
    if (asked[0] >= ENGINE_COUNT) {
        return ERROR_ENGINE;
    }
    if ((asked[1] | asked[2] | asked[3]) != 0) {
        return ERROR_RANGE; /* of a later protocol */
    }
    if (!camera->known || camera->tag != link_get32(asked + 4) ||
        camera->received < camera->width * camera->height) {
        return ERROR_ORDER;
    }
    if (camera->crc != camera->tag) {
        camera->known = 0; /* whatever it was: let it come anew */
        return ERROR_CHECKSUM;
    }
    return ERROR_NONE;
}

static uint32_t put_answer(const camera_t *camera,
                           const engine_result_t *result, uint8_t *out)
{
    out[0] = result->engine;
    out[1] = result->label;
    link_put32(out + 2, result->time_us);
    link_put32(out + 6, result->count);
    out[10] = camera->found;
    link_put32(out + 11, camera->prepare_us);
    link_put32(out + 15, camera->prepare_count);
    link_put32(out + 19, link_crc32(0, (const uint8_t *)camera->words,
                                    NN_PREPARE_OUTPUT_BYTES));
    link_put16(out + 23, camera->box.top);
    link_put16(out + 25, camera->box.left);
    link_put16(out + 27, camera->box.bottom);
    link_put16(out + 29, camera->box.right);
    return ANSWER_BYTES + command_put_logits(out + ANSWER_BYTES, result);
}

void command_infer_frame(app_t *app, const link_frame_t *frame)
{
    camera_t *camera = &app->camera;
    engine_result_t result;
    command_error_t error = check(camera, frame);
    if (error != ERROR_NONE) {
        command_refuse(app, frame, error);
        return;
    }
    if (!camera->prepared) {
        prepare(camera);
    }
    engine_run(frame->payload[0], (const uint8_t *)camera->words, &result,
               NULL, NULL);
    app->counts.inferences++;
    command_reply(app, frame, REQUEST_INFER_FRAME | REPLY,
                  put_answer(camera, &result, command_payload(app)));
}
