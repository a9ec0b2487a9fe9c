/* SPDX-License-Identifier: MIT */
/* COBS, see link_cobs.h. The decoder never writes past its capacity. */
#include "link_cobs.h"

#define LONGEST_RUN 0xFFu /* code of 254 bytes with no zero behind them */

/* ==== Decoder ==== */

void link_cobs_begin(link_cobs_t *cobs, uint8_t *out, uint32_t capacity)
{
    cobs->out = out;
    cobs->capacity = capacity;
    cobs->length = 0;
    cobs->run = 0;
    cobs->any = 0;
    cobs->zero_due = 0;
    cobs->overflow = 0;
}

static void store(link_cobs_t *cobs, uint8_t byte)
{
    if (cobs->length < cobs->capacity) {
        cobs->out[cobs->length++] = byte;
    } else {
        cobs->overflow = 1;
    }
}

void link_cobs_take(link_cobs_t *cobs, uint8_t byte)
{
    if (cobs->run > 0) {
        cobs->run--;
        store(cobs, byte);
        return;
    }
    if (cobs->zero_due) {
        store(cobs, 0);
    }
    cobs->any = 1;
    cobs->run = (uint32_t)byte - 1u;
    cobs->zero_due = byte != LONGEST_RUN;
}

link_cobs_status_t link_cobs_end(const link_cobs_t *cobs)
{
    if (cobs->overflow) {
        return LINK_COBS_TOO_LONG;
    }
    return cobs->any && cobs->run == 0 ? LINK_COBS_OK : LINK_COBS_CUT;
}

/* ==== Encoder ==== */

link_cobs_status_t link_cobs_encode(const uint8_t *bytes, uint32_t length,
                                    uint8_t *out, uint32_t capacity,
                                    uint32_t *written)
{
    uint32_t code_at = 0; /* where the current run's code byte goes */
    uint32_t at = 1;
    if (capacity < 1) {
        return LINK_COBS_TOO_LONG;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            if (at >= capacity) {
                return LINK_COBS_TOO_LONG;
            }
            out[at++] = bytes[i];
        }
        /* A run ends at a zero, or when it is full and more is to come. */
        uint32_t full = at - code_at == LONGEST_RUN && i + 1 < length;
        if (bytes[i] == 0 || full) {
            if (at >= capacity) {
                return LINK_COBS_TOO_LONG;
            }
            out[code_at] = (uint8_t)(at - code_at);
            code_at = at++;
        }
    }
    out[code_at] = (uint8_t)(at - code_at);
    *written = at;
    return LINK_COBS_OK;
}
