/* SPDX-License-Identifier: MIT */
/*
 * One byte stream, two dialects: binary frames and text commands.
 *
 *     0x00  COBS( version type sequence:2 payload CRC-32:4 )  0x00
 *     text%          or text and Enter, from a person
 *
 * A 0x00 opens a frame, any other byte belongs to text. A delimiter that
 * closes something also opens the next frame, so a lost delimiter costs at
 * most its own frame and never swaps frames and gaps for good.
 */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include <stdint.h>

#include "link_cobs.h"
#include "link_limits.h"

typedef enum {
    LINK_NOTHING = 0,   /* feed more */
    LINK_FRAME,         /* reader->frame holds an intact frame */
    LINK_LONG_FRAME,    /* intact, but too long to be kept: no payload */
    LINK_TEXT,          /* reader->text holds a command, without its '%' */
    LINK_LINE,          /* the same, but Enter ended it: a person types */
    LINK_EMPTY_LINE,    /* Enter, and nothing before it */
    LINK_TEXT_TOO_LONG, /* a '%' came after more than LINK_MAX_TEXT_BYTES */
    LINK_BAD_CRC,       /* a delimiter closed a body with a wrong CRC */
    LINK_BAD_FRAME      /* ... something too short, too long or cut */
} link_event_t;

typedef enum { LINK_OK = 0, LINK_TOO_LONG } link_status_t;

typedef struct {
    uint8_t version;
    uint8_t type;
    uint16_t sequence;
    uint32_t crc;           /* of this frame: names its exact contents */
    const uint8_t *payload; /* valid until the next byte is fed */
    uint32_t length;        /* bytes of payload, also of a long frame */
} link_frame_t;

typedef struct {
    link_frame_t frame;
    link_cobs_t cobs;
    uint8_t in_frame; /* a delimiter opened what we read now */
    uint8_t plain;    /* nothing but printable bytes since it began */
    uint8_t skipping; /* what comes is the rest of a frame given up */
    uint8_t after_cr; /* a LF now belongs to the CR before it */
    uint8_t text_overflow;
    uint32_t text_length;
    uint32_t folded;     /* bytes of a long frame that are gone, and ... */
    uint32_t folded_crc; /* ... the CRC-32 of them */
    char text[LINK_MAX_TEXT_BYTES + 1u]; /* terminated when LINK_TEXT */
    /* 32-bit words: an image at payload + 4 or + 8 is then word-aligned. */
    uint32_t body[LINK_BODY_BUFFER_BYTES / 4u];
} link_reader_t;

void link_reader_init(link_reader_t *reader);
link_event_t link_reader_feed(link_reader_t *reader, uint8_t byte);
/*
 * The line was silent: give up half a frame, which is LINK_BAD_FRAME, and drop
 * what follows up to a delimiter or the next silence. Half a command may be
 * slow; one printable byte behind a delimiter may be either and is given up.
 */
link_event_t link_reader_idle(link_reader_t *reader);

/*
 * Finish `body` (header space, payload, CRC space) and encode it with its
 * delimiters. `payload_length` counts the payload alone.
 */
link_status_t link_frame_write(uint8_t type, uint16_t sequence, uint8_t *body,
                               uint32_t payload_length, uint8_t *out,
                               uint32_t capacity, uint32_t *written);

#endif
