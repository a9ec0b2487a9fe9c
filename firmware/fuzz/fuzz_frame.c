/* SPDX-License-Identifier: MIT */
/*
 * Any bytes into the reader of both dialects. A frame that it accepts must be
 * what the writer makes of it again, and within every limit.
 */
#include <stddef.h>
#include <string.h>

#include "link_bytes.h"
#include "link_crc.h"
#include "link_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const link_frame_t *frame)
{
    uint8_t body[LINK_MAX_REQUEST_BODY_BYTES];
    uint8_t wire[LINK_ENCODED_BYTES(LINK_MAX_REQUEST_BODY_BYTES)];
    uint32_t written = 0;
    link_reader_t again;
    if (frame->length > LINK_MAX_REQUEST_PAYLOAD_BYTES) {
        __builtin_trap();
    }
    memcpy(body + LINK_HEADER_BYTES, frame->payload, frame->length);
    if (link_frame_write(frame->type, frame->sequence, body, frame->length,
                         wire, sizeof wire, &written) != LINK_OK) {
        __builtin_trap();
    }
    link_reader_init(&again);
    for (uint32_t i = 0; i + 1 < written; i++) {
        if (link_reader_feed(&again, wire[i]) != LINK_NOTHING) {
            __builtin_trap();
        }
    }
    if (link_reader_feed(&again, wire[written - 1]) != LINK_FRAME ||
        again.frame.type != frame->type ||
        again.frame.sequence != frame->sequence ||
        again.frame.length != frame->length ||
        memcmp(again.frame.payload, frame->payload, frame->length) != 0) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    link_reader_t reader;
    memset(&reader, 0xA5, sizeof reader);
    link_reader_init(&reader);
    for (size_t i = 0; i < size; i++) {
        link_event_t event = link_reader_feed(&reader, data[i]);
        if (event == LINK_FRAME) {
            check_frame(&reader.frame);
        } else if (event == LINK_LONG_FRAME &&
                   (reader.frame.payload != NULL ||
                    reader.frame.length <= LINK_MAX_REQUEST_PAYLOAD_BYTES)) {
            __builtin_trap();
        } else if ((event == LINK_TEXT || event == LINK_LINE) &&
                   strlen(reader.text) > LINK_MAX_TEXT_BYTES) {
            __builtin_trap();
        }
    }
    return 0;
}
