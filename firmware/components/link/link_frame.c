/* SPDX-License-Identifier: MIT */
/* The reader of both dialects and the writer of frames, see link_frame.h. */
#include "link_frame.h"

#include <stddef.h>

#include "link_bytes.h"
#include "link_crc.h"

#define BACKSPACE 0x08u
#define DELETE 0x7Fu /* what most terminals send for it */

/* ==== Reader ==== */

static void begin(link_reader_t *reader, uint8_t in_frame)
{
    reader->in_frame = in_frame;
    reader->plain = 1;
    reader->skipping = 0;
    reader->text_length = 0;
    reader->text_overflow = 0;
    reader->folded = 0;
    reader->folded_crc = 0;
    link_cobs_begin(&reader->cobs, (uint8_t *)reader->body,
                    LINK_BODY_BUFFER_BYTES);
}

void link_reader_init(link_reader_t *reader)
{
    reader->after_cr = 0;
    begin(reader, 0);
}

link_event_t link_reader_idle(link_reader_t *reader)
{
    if (reader->skipping) {
        begin(reader, 0); /* the rest of that frame is over */
        return LINK_NOTHING;
    }
    if (!reader->in_frame || !reader->cobs.any ||
        (reader->plain && reader->text_length > 1u)) {
        return LINK_NOTHING;
    }
    begin(reader, 0);
    reader->skipping = 1;
    return LINK_BAD_FRAME;
}

/* ==== Frames ==== */

static void read_header(link_reader_t *reader)
{
    const uint8_t *body = (const uint8_t *)reader->body;
    reader->frame.version = body[0];
    reader->frame.type = body[1];
    reader->frame.sequence = (uint16_t)link_get16(body + 2);
}

/*
 * The buffer is full, so this is no frame that we keep: only its header and
 * its CRC go on, so that it can be refused in a reply that names it.
 */
static void fold(link_reader_t *reader)
{
    uint8_t *body = (uint8_t *)reader->body;
    const uint32_t gone = LINK_BODY_BUFFER_BYTES - LINK_CRC_BYTES;
    if (reader->folded == 0) {
        read_header(reader);
    }
    reader->folded_crc = link_crc32(reader->folded_crc, body, gone);
    reader->folded += gone; /* wraps after 4 GB without a delimiter */
    link_put32(body, link_get32(body + gone));
    reader->cobs.length = LINK_CRC_BYTES;
}

/* A delimiter closed a frame: check it and fill reader->frame. */
static link_event_t finish(link_reader_t *reader)
{
    const uint8_t *body = (const uint8_t *)reader->body;
    uint32_t kept = reader->cobs.length;
    uint32_t length = reader->folded + kept;
    if (link_cobs_end(&reader->cobs) != LINK_COBS_OK ||
        length < LINK_HEADER_BYTES + LINK_CRC_BYTES) {
        return LINK_BAD_FRAME;
    }
    uint32_t crc = link_get32(body + kept - LINK_CRC_BYTES);
    if (link_crc32(reader->folded_crc, body, kept - LINK_CRC_BYTES) != crc) {
        return LINK_BAD_CRC;
    }
    reader->frame.crc = crc;
    reader->frame.length = length - LINK_HEADER_BYTES - LINK_CRC_BYTES;
    reader->frame.payload = body + LINK_HEADER_BYTES;
    if (reader->folded == 0) {
        read_header(reader);
    }
    if (length > LINK_MAX_REQUEST_BODY_BYTES) {
        reader->frame.payload = NULL;
        return LINK_LONG_FRAME;
    }
    return LINK_FRAME;
}

static link_event_t delimiter(link_reader_t *reader)
{
    if (!reader->in_frame || !reader->cobs.any) {
        begin(reader, 1); /* an opening, or one of several in a row */
        return LINK_NOTHING;
    }
    /*
     * This delimiter may be the next frame's first one, its own having been
     * lost with what it should have closed: go on as if it were.
     */
    link_event_t event = finish(reader);
    begin(reader, 1);
    return event;
}

/* ==== Text ==== */

static link_event_t text_end(link_reader_t *reader, link_event_t event)
{
    uint32_t length = reader->text_length;
    if (reader->text_overflow) {
        event = LINK_TEXT_TOO_LONG;
    }
    begin(reader, 0);
    reader->text[length] = '\0';
    return event;
}

static int is_erasing(uint8_t byte)
{
    return byte == BACKSPACE || byte == DELETE;
}

static void text_take(link_reader_t *reader, uint8_t byte)
{
    if (is_erasing(byte)) {
        reader->text_length -= reader->text_length > 0 ? 1u : 0u;
    } else if (reader->text_length < LINK_MAX_TEXT_BYTES) {
        /* What is not printable cannot be echoed in an error either. */
        uint8_t shown = byte >= 0x20u && byte < 0x7Fu ? byte : (uint8_t)'?';
        reader->text[reader->text_length++] = (char)shown;
    } else {
        reader->text_overflow = 1;
    }
}

/* A line end; behind a delimiter it may be a frame's first byte as well. */
static link_event_t line_end(link_reader_t *reader, uint8_t byte)
{
    int second = byte == '\n' && reader->after_cr;
    if (reader->text_length > 0) {
        return text_end(reader, LINK_LINE);
    }
    return second || reader->in_frame ? LINK_NOTHING : LINK_EMPTY_LINE;
}

static int is_line_end(uint8_t byte)
{
    return byte == '\r' || byte == '\n';
}

link_event_t link_reader_feed(link_reader_t *reader, uint8_t byte)
{
    if (byte == 0) {
        reader->after_cr = 0;
        return delimiter(reader);
    }
    if (reader->skipping) {
        return LINK_NOTHING;
    }
    /*
     * The second byte of a frame is the version, which is not printable, so
     * printable bytes up to a '%' are text even behind a 0x00: a frame's
     * last one, or one that a line shows when a port is opened.
     */
    int printable = (byte >= 0x20u && byte < 0x7Fu) || is_line_end(byte);
    if (!printable && !(is_erasing(byte) && reader->text_length > 1u)) {
        reader->plain = 0;
    }
    if (!reader->in_frame || reader->plain) {
        link_event_t event = LINK_NOTHING;
        if (is_line_end(byte)) {
            event = line_end(reader, byte);
        } else if (byte != LINK_TEXT_TERMINATOR) {
            text_take(reader, byte);
        } else if (!reader->in_frame || reader->text_length > 0) {
            event = text_end(reader, LINK_TEXT);
        } /* else it may be a frame's first COBS code, 0x25 */
        reader->after_cr = byte == '\r';
        if (event != LINK_NOTHING) {
            return event;
        }
    }
    if (reader->in_frame) {
        link_cobs_take(&reader->cobs, byte);
        if (reader->cobs.length == LINK_BODY_BUFFER_BYTES) {
            fold(reader);
        }
    }
    return LINK_NOTHING;
}

/* ==== Writer ==== */

link_status_t link_frame_write(uint8_t type, uint16_t sequence, uint8_t *body,
                               uint32_t payload_length, uint8_t *out,
                               uint32_t capacity, uint32_t *written)
{
    uint32_t length = LINK_HEADER_BYTES + payload_length;
    uint32_t encoded = 0;
    body[0] = LINK_VERSION;
    body[1] = type;
    link_put16(body + 2, sequence);
    link_put32(body + length, link_crc32(0, body, length));
    if (capacity < 2 ||
        link_cobs_encode(body, length + LINK_CRC_BYTES, out + 1, capacity - 2,
                         &encoded) != LINK_COBS_OK) {
        return LINK_TOO_LONG;
    }
    out[0] = 0;
    out[1 + encoded] = 0;
    *written = encoded + 2;
    return LINK_OK;
}
