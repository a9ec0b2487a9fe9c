/* SPDX-License-Identifier: MIT */
/* Inferences and a look at their stages. */
#include "command_infer.h"

#include <string.h>

#include "command_image.h"
#include "command_reply.h"
#include "link_bytes.h"
#include "link_crc.h"

typedef char every_stage_fits[ESP8K_INT8_STAGES <= APP_MAX_STAGES &&
                                      ESP8K_F16_STAGES <= APP_MAX_STAGES
                                  ? 1
                                  : -1];
typedef char a_chunk_fits[PREFIX_BYTES + 4u + APP_STAGE_CHUNK_BYTES <=
                                  LINK_MAX_REPLY_PAYLOAD_BYTES
                              ? 1
                              : -1];

/* ==== Inference ==== */

uint32_t command_put_logits(uint8_t *out, const engine_result_t *result)
{
    if (result->engine == ENGINE_INT8) {
        memcpy(out, result->logits.int8, ENGINE_CLASSES);
        return ENGINE_CLASSES;
    }
    for (uint32_t i = 0; i < ENGINE_CLASSES; i++) {
        uint32_t bits;
        memcpy(&bits, &result->logits.f16[i], sizeof bits);
        link_put32(out + 4u * i, bits);
    }
    return 4u * ENGINE_CLASSES;
}

void command_infer(app_t *app, const link_frame_t *frame)
{
    engine_result_t result;
    if (app->replay_valid && app->replay_sequence == frame->sequence &&
        app->replay_crc == frame->crc) {
        app->counts.replays++;
        app_write(app, app->tx, app->tx_length);
        return;
    }
    const uint8_t *image = command_image(app, frame, HEAD_BYTES);
    if (image == NULL) {
        return;
    }
    engine_run(frame->payload[0], image, &result, NULL, NULL);
    app->counts.inferences++;
    uint8_t *out = command_payload(app);
    out[0] = result.engine;
    out[1] = result.label;
    link_put32(out + 2, result.time_us);
    link_put32(out + 6, result.count);
    uint32_t length = 10u + command_put_logits(out + 10, &result);
    command_reply(app, frame, REQUEST_INFER | REPLY, length);
    app->replay_valid = 1;
    app->replay_sequence = frame->sequence;
    app->replay_crc = frame->crc;
}

/* ==== Stages, for the bisect tool ==== */

typedef struct {
    uint32_t crcs[APP_MAX_STAGES];
} stage_crcs_t;

static void crc_hook(void *context, uint32_t stage, const void *data,
                     uint32_t bytes)
{
    stage_crcs_t *stages = context;
    if (stage < APP_MAX_STAGES) {
        stages->crcs[stage] = link_crc32(stages->crcs[stage], data, bytes);
    }
}

void command_stage_crcs(app_t *app, const link_frame_t *frame)
{
    stage_crcs_t stages = {{0}};
    engine_result_t result;
    const uint8_t *image = command_image(app, frame, HEAD_BYTES);
    if (image == NULL) {
        return;
    }
    uint8_t engine = frame->payload[0];
    uint32_t count = engine_stages(engine);
    engine_run(engine, image, &result, crc_hook, &stages);
    app->counts.inferences++;
    for (uint32_t i = 0; i < count; i++) {
        link_put32(command_payload(app) + 4u * i, stages.crcs[i]);
    }
    command_reply(app, frame, REQUEST_STAGE_CRCS | REPLY, 4u * count);
}

/* A stage may come in pieces: `total` counts what went by. */
typedef struct {
    uint32_t stage;
    uint32_t offset;
    uint32_t length;
    uint32_t total;
    uint32_t copied;
    uint8_t *out;
} excerpt_t;

static void excerpt_hook(void *context, uint32_t stage, const void *data,
                         uint32_t bytes)
{
    excerpt_t *excerpt = context;
    const uint8_t *from = data;
    if (stage != excerpt->stage) {
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t at = excerpt->total + i;
        if (at >= excerpt->offset && at - excerpt->offset < excerpt->length) {
            excerpt->out[at - excerpt->offset] = from[i];
            excerpt->copied = at - excerpt->offset + 1u;
        }
    }
    excerpt->total += bytes;
}

void command_stage_bytes(app_t *app, const link_frame_t *frame)
{
    engine_result_t result;
    excerpt_t excerpt = {0};
    const uint8_t *image = command_image(app, frame, STAGE_HEAD_BYTES);
    if (image == NULL) {
        return;
    }
    uint8_t engine = frame->payload[0];
    excerpt.stage = frame->payload[1];
    excerpt.length = link_get16(frame->payload + 2);
    excerpt.offset = link_get32(frame->payload + 4);
    excerpt.out = command_payload(app) + 4;
    if (excerpt.stage >= engine_stages(engine)) {
        command_refuse(app, frame, ERROR_STAGE);
        return;
    }
    if (excerpt.length == 0 || excerpt.length > APP_STAGE_CHUNK_BYTES) {
        command_refuse(app, frame, ERROR_RANGE);
        return;
    }
    engine_run(engine, image, &result, excerpt_hook, &excerpt);
    app->counts.inferences++;
    link_put32(command_payload(app), excerpt.total);
    command_reply(app, frame, REQUEST_STAGE_BYTES | REPLY, 4u + excerpt.copied);
}
