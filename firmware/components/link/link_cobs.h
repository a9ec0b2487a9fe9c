/* SPDX-License-Identifier: MIT */
/*
 * COBS (Cheshire and Baker): bytes without a zero, so that 0x00 can only be
 * a delimiter. Runs of n - 1 non-zero bytes are preceded by n; n < 255 stands
 * for a zero behind the run, which the end of the message swallows.
 */
#ifndef LINK_COBS_H
#define LINK_COBS_H

#include <stdint.h>

typedef enum {
    LINK_COBS_OK = 0,
    LINK_COBS_TOO_LONG, /* the message does not fit the buffer */
    LINK_COBS_CUT       /* the message ended inside a run, or was empty */
} link_cobs_status_t;

/* A decoder that is fed byte by byte; `out` belongs to the caller. */
typedef struct {
    uint8_t *out;
    uint32_t capacity;
    uint32_t length;  /* bytes decoded so far */
    uint32_t run;     /* bytes of the current run still to come */
    uint8_t any;      /* a code byte was seen */
    uint8_t zero_due; /* the last run ends in a zero if another follows */
    uint8_t overflow; /* sticky: the message is longer than `capacity` */
} link_cobs_t;

void link_cobs_begin(link_cobs_t *cobs, uint8_t *out, uint32_t capacity);
/* Take one byte, never 0x00. */
void link_cobs_take(link_cobs_t *cobs, uint8_t byte);
/* The delimiter came: was that a message? Its bytes are out[0..length). */
link_cobs_status_t link_cobs_end(const link_cobs_t *cobs);

/* Encode without delimiters; `written` is untouched unless OK. */
link_cobs_status_t link_cobs_encode(const uint8_t *bytes, uint32_t length,
                                    uint8_t *out, uint32_t capacity,
                                    uint32_t *written);

#endif
