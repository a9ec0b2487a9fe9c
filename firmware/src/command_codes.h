/* SPDX-License-Identifier: MIT */
/* The binary dialect's numbers, as PROTOCOL.md has them. */
#ifndef ESP8K_COMMAND_CODES_H
#define ESP8K_COMMAND_CODES_H

/* ==== Requests; a reply's type is the request's with REPLY set ==== */

#define REQUEST_HELLO 0x01u
#define REQUEST_INFER 0x02u
#define REQUEST_PUT 0x03u /* the only one that is never answered */
#define REQUEST_STAGE_CRCS 0x04u
#define REQUEST_STAGE_BYTES 0x05u
#define REQUEST_SET_BAUD 0x06u
#define REQUEST_STATISTICS 0x07u
#define REQUEST_FRAME 0x08u       /* a piece of a camera's frame */
#define REQUEST_INFER_FRAME 0x09u /* of the whole of it */
#define REPLY 0x80u
#define REPLY_MISSING 0xFEu
#define REPLY_ERROR 0xFFu

typedef enum {
    ERROR_NONE = 0,        /* never sent */
    ERROR_VERSION = 1,     /* the frame's version is not ours */
    ERROR_TYPE = 2,        /* no such request */
    ERROR_LENGTH = 3,      /* payload too short or too long for it */
    ERROR_ENGINE = 4,      /* no such engine */
    ERROR_STAGE = 5,       /* no such stage */
    ERROR_RANGE = 6,       /* a value out of its limits */
    ERROR_UNSUPPORTED = 7, /* this board cannot do that */
    ERROR_ORDER = 8,       /* pieces of the frame before it are missing */
    ERROR_CHECKSUM = 9,    /* a whole frame, and not of that CRC-32 */
} command_error_t;

#endif
