/* SPDX-License-Identifier: MIT */
/* The reader of both dialects and the writer of frames, see link_frame.h. */
#include "link_frame.h"

#include "link_bytes.h"
#include "link_crc.h"

/* ==== Reader ==== */

static void begin(link_reader_t *reader, uint8_t in_frame)
{
    reader->in_frame = in_frame;
    reader->plain = 1;
    reader->text_length = 0;
    reader->text_overflow = 0;
    link_cobs_begin(&reader->cobs, (uint8_t *)reader->body,
                    LINK_MAX_REQUEST_BODY_BYTES);
}

void link_reader_init(link_reader_t *reader)
{
    begin(reader, 0);
}

void link_reader_idle(link_reader_t *reader)
{
    if (reader->in_frame && !reader->plain) {
        begin(reader, 0);
    }
}

/* A delimiter closed a frame: check it and fill reader->frame. */
static link_event_t finish(link_reader_t *reader)
{
    const uint8_t *body = (const uint8_t *)reader->body;
    uint32_t length = reader->cobs.length;
    if (link_cobs_end(&reader->cobs) != LINK_COBS_OK ||
        length < LINK_HEADER_BYTES + LINK_CRC_BYTES) {
        return LINK_BAD_FRAME;
    }
    uint32_t crc = link_get32(body + length - LINK_CRC_BYTES);
    if (link_crc32(0, body, length - LINK_CRC_BYTES) != crc) {
        return LINK_BAD_CRC;
    }
    reader->frame.version = body[0];
    reader->frame.type = body[1];
    reader->frame.sequence = (uint16_t)link_get16(body + 2);
    reader->frame.crc = crc;
    reader->frame.payload = body + LINK_HEADER_BYTES;
    reader->frame.length = length - LINK_HEADER_BYTES - LINK_CRC_BYTES;
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

static link_event_t text_end(link_reader_t *reader)
{
    uint32_t length = reader->text_length;
    link_event_t event =
        reader->text_overflow ? LINK_TEXT_TOO_LONG : LINK_TEXT;
    begin(reader, 0);
    reader->text[length] = '\0';
    return event;
}

static void text_take(link_reader_t *reader, uint8_t byte)
{
    /* Line ends that a terminal sends between commands are no part of one. */
    if (reader->text_length == 0 && (byte == '\r' || byte == '\n')) {
        return;
    }
    if (reader->text_length < LINK_MAX_TEXT_BYTES) {
        /* What is not printable cannot be echoed in an error either. */
        uint8_t shown = byte >= 0x20u && byte < 0x7Fu ? byte : (uint8_t)'?';
        reader->text[reader->text_length++] = (char)shown;
    } else {
        reader->text_overflow = 1;
    }
}

link_event_t link_reader_feed(link_reader_t *reader, uint8_t byte)
{
    if (byte == 0) {
        return delimiter(reader);
    }
    /*
     * The second byte of a frame is the version, which is not printable, so
     * printable bytes up to a '%' are text even behind a 0x00: a frame's
     * last one, or one that a line shows when a port is opened.
     */
    int printable = (byte >= 0x20u && byte < 0x7Fu) || byte == '\r' ||
                    byte == '\n';
    if (!printable) {
        reader->plain = 0;
    }
    if (!reader->in_frame || reader->plain) {
        if (byte != LINK_TEXT_TERMINATOR) {
            text_take(reader, byte);
        } else if (!reader->in_frame || reader->text_length > 0) {
            return text_end(reader);
        } /* else it may be a frame's first COBS code, 0x25 */
    }
    if (reader->in_frame) {
        link_cobs_take(&reader->cobs, byte);
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
