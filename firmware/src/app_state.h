/* SPDX-License-Identifier: MIT */
/*
 * What the two dialects share: the limits of the application, its state, and
 * the way out. Above it stand commands and console, above those app.h.
 */
#ifndef ESP8K_APP_STATE_H
#define ESP8K_APP_STATE_H

#include <stdint.h>

#include "engine.h"
#include "link_frame.h"
#include "nn_prepare.h"

/* ==== Limits of the application, quoted by PROTOCOL.md ==== */

#define APP_DEFAULT_BAUD 115200u
#define APP_MIN_BAUD 9600u
#define APP_MAX_BAUD 3000000u
/* At a rate just set, a frame must come within this or the old one is back. */
#define APP_BAUD_CONFIRM_MS 1000u
/* At any other rate than the default, silence this long brings that back. */
#define APP_BAUD_IDLE_MS 10000u
/* Silence inside a frame after which it is given up. */
#define APP_FRAME_IDLE_MS 500u
/* Requests that a client may have unanswered. */
#define APP_WINDOW 16u
#define APP_FRAGMENT_BYTES 32u
#define APP_FRAGMENTS \
    ((ESP8K_INPUT_BYTES + APP_FRAGMENT_BYTES - 1u) / APP_FRAGMENT_BYTES)
#define APP_FRAME_PIECE_BYTES 768u /* of a camera's frame, at most */
#define APP_STAGE_CHUNK_BYTES 256u
#define APP_MAX_STAGES 32u
/* Of one text command `infer N`, which any byte breaks off. */
#ifndef APP_MAX_ITERATIONS
#define APP_MAX_ITERATIONS 100000
#endif
#define APP_LINE_BYTES 128u
/* When a long `infer` first looks for that byte, and how often then. */
#define APP_BREAK_FIRST_US 1000000u
#define APP_BREAK_NEXT_US 100000u

/* ==== State ==== */

/* Who filled the image buffer: the dialects share it. */
typedef enum { STAGED_NOTHING, STAGED_BINARY, STAGED_TEXT } staged_by_t;

typedef struct {
    uint32_t words[(ESP8K_INPUT_BYTES + 3u) / 4u]; /* the pixels */
    staged_by_t by;
    uint16_t sequence; /* binary: names this transfer, with ... */
    uint32_t tag;      /* ... the CRC-32 of the whole image */
    uint32_t missing;  /* binary: one bit a fragment still to come */
    uint32_t expected; /* text: bytes announced by `db load` */
    uint32_t filled;   /* text: bytes that came */
} staged_t;

/* A camera's frame: it is prepared as it comes, and never held. */
typedef struct {
    nn_prepare_t state;
    uint32_t words[(NN_PREPARE_OUTPUT_BYTES + 3u) / 4u]; /* 28x28 pixels */
    uint32_t tag; /* the CRC-32 that it should have, ... */
    uint32_t crc; /* ... and that of what came */
    uint32_t width;
    uint32_t height;
    uint32_t received; /* pixels */
    uint32_t prepare_us;
    uint32_t prepare_count;
    nn_prepare_box_t box;
    uint8_t known;    /* one has begun */
    uint8_t prepared; /* the 28x28 pixels are there */
    uint8_t found;    /* a digit is in them */
} camera_t;

typedef struct {
    uint32_t frames;
    uint32_t crc_errors;
    uint32_t bad_frames;
    uint32_t replays;
    uint32_t errors;
    uint32_t inferences;
    uint32_t text_commands;
} app_counts_t;

typedef struct {
    link_reader_t reader;
    staged_t staged;
    camera_t camera;
    app_counts_t counts;
    engine_result_t text_result; /* what `results%` prints */
    uint8_t text_engine;
    uint8_t text_has_result;

    /* Baud rate: `changed_us` starts the confirm and the idle clock. */
    uint32_t baud;
    uint32_t old_baud;
    uint64_t changed_us;
    uint64_t heard_us; /* when the last bytes came */
    uint32_t behind;   /* bytes in hand behind the one being handled */
    uint8_t early;     /* the byte that broke an `infer` off, ... */
    uint8_t has_early; /* ... which is still to be read */
    uint8_t person;    /* who types wants to see it: echo, prompt */
    uint8_t baud_fixed; /* hal_set_baud() is not supported here */
    uint8_t confirmed;

    /* The last inference's reply lies encoded in tx: a repeat costs none. */
    uint8_t replay_valid;
    uint16_t replay_sequence;
    uint32_t replay_crc;
    uint32_t tx_length;
    uint8_t body[LINK_MAX_REPLY_BODY_BYTES];
    uint8_t tx[LINK_ENCODED_BYTES(LINK_MAX_REPLY_BODY_BYTES)];

    uint8_t closed; /* the link is gone: leave */
} app_t;

/* Send bytes; a link that is closed is remembered in the state. */
void app_write(app_t *app, const uint8_t *bytes, uint32_t length);

#endif
