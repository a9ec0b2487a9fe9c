/* SPDX-License-Identifier: MIT */
/*
 * Every limit of the link, by name. Buffers are sized by these and nothing
 * else; PROTOCOL.md quotes them and a test compares the two.
 */
#ifndef LINK_LIMITS_H
#define LINK_LIMITS_H

#define LINK_VERSION 1u

/* ==== Frame: version, type, sequence (2), payload, CRC-32 (4) ==== */

#define LINK_HEADER_BYTES 4u
#define LINK_CRC_BYTES 4u
/* The longest request: an 8-byte head and an image of 784 pixels. */
#define LINK_MAX_REQUEST_PAYLOAD_BYTES 792u
#define LINK_MAX_REQUEST_BODY_BYTES \
    (LINK_HEADER_BYTES + LINK_MAX_REQUEST_PAYLOAD_BYTES + LINK_CRC_BYTES)
/* Room for the CRC of a frame that is longer: it is checked, too. */
#define LINK_BODY_BUFFER_BYTES \
    ((LINK_MAX_REQUEST_BODY_BYTES + LINK_CRC_BYTES + 3u) / 4u * 4u)
/* The longest reply: prefix, 4-byte head and a chunk of stage bytes. */
#define LINK_MAX_REPLY_PAYLOAD_BYTES 266u
#define LINK_MAX_REPLY_BODY_BYTES \
    (LINK_HEADER_BYTES + LINK_MAX_REPLY_PAYLOAD_BYTES + LINK_CRC_BYTES)
/* COBS adds one byte, and one more for each 254; two delimiters. */
#define LINK_ENCODED_BYTES(body) ((body) + (body) / 254u + 1u + 2u)

/* ==== Text dialect (MLPerf Tiny's own limit) ==== */

#define LINK_MAX_TEXT_BYTES 80u
#define LINK_TEXT_TERMINATOR 0x25u /* '%' */

#endif
