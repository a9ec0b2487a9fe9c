/* SPDX-License-Identifier: MIT */
/*
 * The image of a request: in its own frame, or put before in fragments, for
 * lines on which a long frame never lives.
 */
#include "command_image.h"

#include <string.h>

#include "command_reply.h"
#include "link_bytes.h"
#include "link_crc.h"

#define TAG_BYTES 4u
#define PUT_HEAD_BYTES 5u
#define ALL_MISSING ((uint32_t)((1uLL << APP_FRAGMENTS) - 1u))

typedef char fragments_fit_the_bitmap[APP_FRAGMENTS <= 32u ? 1 : -1];

void command_put(app_t *app, const link_frame_t *frame)
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
        command_refuse(app, frame, ERROR_LENGTH);
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
    link_put32(command_payload(app), missing);
    command_reply(app, frame, REPLY_MISSING, 4);
    return NULL;
}

const uint8_t *command_image(app_t *app, const link_frame_t *frame,
                             uint32_t head)
{
    if (frame->length < head) {
        command_refuse(app, frame, ERROR_LENGTH);
        return NULL;
    }
    if (frame->payload[0] >= ENGINE_COUNT) {
        command_refuse(app, frame, ERROR_ENGINE);
        return NULL;
    }
    if (head == HEAD_BYTES && (frame->payload[1] | frame->payload[2] |
                               frame->payload[3]) != 0) {
        command_refuse(app, frame, ERROR_RANGE); /* of a later protocol */
        return NULL;
    }
    return image_of(app, frame, head);
}
