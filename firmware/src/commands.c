/* The binary dialect, see commands.h and PROTOCOL.md. */
#include "commands.h"

#include <string.h>

#include "hal.h"
#include "link_bytes.h"
#include "link_crc.h"

/* Every reply begins: request's CRC-32, boot count, identity. */
#define PREFIX_BYTES 6u
#define HEAD_BYTES 4u /* of a request that carries an image */
#define STAGE_HEAD_BYTES 8u
#define TAG_BYTES 4u
#define PUT_HEAD_BYTES 5u
#define HASH_BYTES 32u
#define NAME_BYTES 31u /* longest name in a hello */
#define ALL_MISSING ((uint32_t)((1uLL << APP_FRAGMENTS) - 1u))

typedef char fragments_fit_the_bitmap[APP_FRAGMENTS <= 32u ? 1 : -1];
typedef char every_stage_fits[ESP8K_INT8_STAGES <= APP_MAX_STAGES &&
                                      ESP8K_F16_STAGES <= APP_MAX_STAGES
                                  ? 1
                                  : -1];
typedef char a_chunk_fits[PREFIX_BYTES + 4u + APP_STAGE_CHUNK_BYTES <=
                                  LINK_MAX_REPLY_PAYLOAD_BYTES
                              ? 1
                              : -1];

/* ==== Replies ==== */

/* Where the reply's own payload begins, behind header and prefix. */
static uint8_t *reply_payload(app_t *app)
{
    return app->body + LINK_HEADER_BYTES + PREFIX_BYTES;
}

static void reply(app_t *app, const link_frame_t *frame, uint8_t type,
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

static void reply_error(app_t *app, const link_frame_t *frame,
                        command_error_t code)
{
    uint8_t *out = reply_payload(app);
    out[0] = (uint8_t)code;
    out[1] = frame->type;
    app->counts.errors++;
    reply(app, frame, REPLY_ERROR, 2);
}

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

static uint8_t hash_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void hello(app_t *app, const link_frame_t *frame)
{
    static const char hash[] = ESP8K_WEIGHTS_HASH;
    const float scale = ESP8K_LOGIT_SCALE;
    uint32_t scale_bits;
    uint8_t *out = reply_payload(app);
    memcpy(&scale_bits, &scale, sizeof scale_bits);
    out[0] = 1u << ENGINE_INT8 | 1u << ENGINE_F16;
    out[1] = (uint8_t)hal_counter();
    out[2] = (uint8_t)hal_reset_reason();
    out[3] = APP_WINDOW_FRAMES;
    link_put16(out + 4, ESP8K_INPUT_BYTES);
    out[6] = ESP8K_CLASSES;
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
    link_put32(out + 44, (uint32_t)(int32_t)ESP8K_LOGIT_ZERO_POINT);
    for (uint32_t i = 0; i < HASH_BYTES; i++) {
        uint8_t high = hash_digit(hash[2u * i]);
        out[48 + i] = (uint8_t)(high << 4 | hash_digit(hash[2u * i + 1u]));
    }
    uint32_t length = 48 + HASH_BYTES;
    length += put_name(out + length, ESP8K_MODEL_NAME);
    length += put_name(out + length, hal_board());
    link_put32(out + length, hal_boot_id());
    length += 4u;
    reply(app, frame, REQUEST_HELLO | REPLY, length);
}

static void statistics(app_t *app, const link_frame_t *frame)
{
    uint8_t *out = reply_payload(app);
    uint64_t uptime_us = hal_time_us();
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
    reply(app, frame, REQUEST_STATISTICS | REPLY, 48);
}

/* ==== Images in fragments, for lines on which a long frame never lives ==== */

static void put(app_t *app, const link_frame_t *frame)
{
    staged_t *staged = &app->staged;
    if (frame->length <= PUT_HEAD_BYTES) {
        app->counts.errors++;
        return;
    }
    uint32_t tag = link_get32(frame->payload);
    uint32_t index = frame->payload[4];
    uint32_t offset = index * APP_FRAGMENT_BYTES;
    uint32_t length = frame->length - PUT_HEAD_BYTES;
    uint32_t wanted = APP_FRAGMENT_BYTES;
    if (index + 1u == APP_FRAGMENTS) {
        wanted = ESP8K_INPUT_BYTES - offset;
    }
    if (index >= APP_FRAGMENTS || length != wanted) {
        app->counts.errors++;
        return;
    }
    if (staged->by != STAGED_BINARY || staged->tag != tag ||
        staged->sequence != frame->sequence) {
        staged->by = STAGED_BINARY;
        staged->tag = tag;
        staged->sequence = frame->sequence;
        staged->missing = ALL_MISSING;
    }
    memcpy((uint8_t *)staged->words + offset, frame->payload + PUT_HEAD_BYTES,
           length);
    staged->missing &= ~((uint32_t)1u << index);
}

/*
 * The image that a request means: in the frame itself, or put before under
 * the same sequence number. NULL: a reply has been sent.
 */
static const uint8_t *image_of(app_t *app, const link_frame_t *frame,
                               uint32_t head)
{
    staged_t *staged = &app->staged;
    if (frame->length == head + ESP8K_INPUT_BYTES) {
        return frame->payload + head;
    }
    if (frame->length != head + TAG_BYTES) {
        reply_error(app, frame, ERROR_LENGTH);
        return NULL;
    }
    uint32_t missing = ALL_MISSING;
    uint32_t tag = link_get32(frame->payload + head);
    if (staged->by == STAGED_BINARY && staged->tag == tag &&
        staged->sequence == frame->sequence) {
        missing = staged->missing;
        if (missing == 0 && link_crc32(0, (const uint8_t *)staged->words,
                                       ESP8K_INPUT_BYTES) != tag) {
            missing = staged->missing = ALL_MISSING; /* not that image */
        }
    }
    if (missing == 0) {
        return (const uint8_t *)staged->words;
    }
    link_put32(reply_payload(app), missing);
    reply(app, frame, REPLY_MISSING, 4);
    return NULL;
}

/* Checks what all image requests share; NULL: a reply has been sent. */
static const uint8_t *engine_and_image(app_t *app, const link_frame_t *frame,
                                       uint32_t head)
{
    if (frame->length < head) {
        reply_error(app, frame, ERROR_LENGTH);
        return NULL;
    }
    if (frame->payload[0] >= ENGINE_COUNT) {
        reply_error(app, frame, ERROR_ENGINE);
        return NULL;
    }
    return image_of(app, frame, head);
}

/* ==== Inference ==== */

static uint32_t put_logits(uint8_t *out, const engine_result_t *result)
{
    if (result->engine == ENGINE_INT8) {
        memcpy(out, result->logits.int8, ESP8K_CLASSES);
        return ESP8K_CLASSES;
    }
    for (uint32_t i = 0; i < ESP8K_CLASSES; i++) {
        uint32_t bits;
        memcpy(&bits, &result->logits.f16[i], sizeof bits);
        link_put32(out + 4u * i, bits);
    }
    return 4u * ESP8K_CLASSES;
}

static void infer(app_t *app, const link_frame_t *frame)
{
    engine_result_t result;
    if (app->replay_valid && app->replay_sequence == frame->sequence &&
        app->replay_crc == frame->crc) {
        app->counts.replays++;
        app_write(app, app->tx, app->tx_length);
        return;
    }
    const uint8_t *image = engine_and_image(app, frame, HEAD_BYTES);
    if (image == NULL) {
        return;
    }
    engine_run(frame->payload[0], image, &result, NULL, NULL);
    app->counts.inferences++;
    uint8_t *out = reply_payload(app);
    out[0] = result.engine;
    out[1] = result.label;
    link_put32(out + 2, result.time_us);
    link_put32(out + 6, result.count);
    uint32_t length = 10u + put_logits(out + 10, &result);
    reply(app, frame, REQUEST_INFER | REPLY, length);
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

static void stage_crcs(app_t *app, const link_frame_t *frame)
{
    stage_crcs_t stages = {{0}};
    engine_result_t result;
    const uint8_t *image = engine_and_image(app, frame, HEAD_BYTES);
    if (image == NULL) {
        return;
    }
    uint8_t engine = frame->payload[0];
    uint32_t count = engine_stages(engine);
    engine_run(engine, image, &result, crc_hook, &stages);
    app->counts.inferences++;
    for (uint32_t i = 0; i < count; i++) {
        link_put32(reply_payload(app) + 4u * i, stages.crcs[i]);
    }
    reply(app, frame, REQUEST_STAGE_CRCS | REPLY, 4u * count);
}

/* A stage may come in pieces: `total` counts what went by. */
typedef struct {
    uint32_t stage;
    uint32_t offset;
    uint32_t length;
    uint32_t total;
    uint32_t copied;
    uint8_t *out;
} stage_window_t;

static void window_hook(void *context, uint32_t stage, const void *data,
                        uint32_t bytes)
{
    stage_window_t *window = context;
    const uint8_t *from = data;
    if (stage != window->stage) {
        return;
    }
    for (uint32_t i = 0; i < bytes; i++) {
        uint32_t at = window->total + i;
        if (at >= window->offset && at - window->offset < window->length) {
            window->out[at - window->offset] = from[i];
            window->copied = at - window->offset + 1u;
        }
    }
    window->total += bytes;
}

static void stage_bytes(app_t *app, const link_frame_t *frame)
{
    engine_result_t result;
    stage_window_t window = {0};
    const uint8_t *image = engine_and_image(app, frame, STAGE_HEAD_BYTES);
    if (image == NULL) {
        return;
    }
    uint8_t engine = frame->payload[0];
    window.stage = frame->payload[1];
    window.length = link_get16(frame->payload + 2);
    window.offset = link_get32(frame->payload + 4);
    window.out = reply_payload(app) + 4;
    if (window.stage >= engine_stages(engine)) {
        reply_error(app, frame, ERROR_STAGE);
        return;
    }
    if (window.length == 0 || window.length > APP_STAGE_CHUNK_BYTES) {
        reply_error(app, frame, ERROR_RANGE);
        return;
    }
    engine_run(engine, image, &result, window_hook, &window);
    app->counts.inferences++;
    link_put32(reply_payload(app), window.total);
    reply(app, frame, REQUEST_STAGE_BYTES | REPLY, 4u + window.copied);
}

/* ==== Baud rate ==== */

static void set_baud(app_t *app, const link_frame_t *frame)
{
    if (frame->length != 4u) {
        reply_error(app, frame, ERROR_LENGTH);
        return;
    }
    uint32_t baud = link_get32(frame->payload);
    if (baud < APP_MIN_BAUD || baud > APP_MAX_BAUD) {
        reply_error(app, frame, ERROR_RANGE);
        return;
    }
    if (app->baud_fixed) {
        reply_error(app, frame, ERROR_UNSUPPORTED);
        return;
    }
    link_put32(reply_payload(app), baud);
    reply(app, frame, REQUEST_SET_BAUD | REPLY, 4);
    if (baud == app->baud || hal_set_baud(baud) != HAL_OK) {
        return;
    }
    app->old_baud = app->baud;
    app->baud = baud;
    app->confirmed = 0;
    app->changed_us = hal_time_us();
}

/* ==== Dispatch ==== */

void command_run(app_t *app, const link_frame_t *frame)
{
    if (frame->version != LINK_VERSION) {
        reply_error(app, frame, ERROR_VERSION);
        return;
    }
    switch (frame->type) {
    case REQUEST_HELLO:
        hello(app, frame);
        break;
    case REQUEST_INFER:
        infer(app, frame);
        break;
    case REQUEST_PUT:
        put(app, frame);
        break;
    case REQUEST_STAGE_CRCS:
        stage_crcs(app, frame);
        break;
    case REQUEST_STAGE_BYTES:
        stage_bytes(app, frame);
        break;
    case REQUEST_SET_BAUD:
        set_baud(app, frame);
        break;
    case REQUEST_STATISTICS:
        statistics(app, frame);
        break;
    default:
        reply_error(app, frame, ERROR_TYPE);
        break;
    }
}
