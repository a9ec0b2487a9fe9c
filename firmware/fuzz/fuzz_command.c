/* SPDX-License-Identifier: MIT */
/*
 * Any requests in intact frames. The input is a list of records: type (a
 * byte), sequence and length (two each, little-endian), how many bytes of the
 * payload are given (a byte), and those; the rest is filled up with that
 * count. Every request but PUT gets exactly one intact reply that names it.
 */
#include <stddef.h>
#include <string.h>

#include "app.h"
#include "command_codes.h"
#include "link_bytes.h"
#include "link_crc.h"
#include "memory_port.h"

#define RECORD_HEAD_BYTES 6u
#define PREFIX_BYTES 6u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t make_frame(const uint8_t *record, size_t left, uint8_t *wire,
                           uint32_t capacity, uint32_t *crc)
{
    uint8_t body[LINK_MAX_REQUEST_BODY_BYTES];
    uint32_t length = link_get16(record + 3) %
                      (LINK_MAX_REQUEST_PAYLOAD_BYTES + 1u);
    uint32_t given = record[5];
    uint32_t written = 0;
    memset(body, record[5], sizeof body);
    if (given > length) {
        given = length;
    }
    if (given > left - RECORD_HEAD_BYTES) {
        given = (uint32_t)(left - RECORD_HEAD_BYTES);
    }
    memcpy(body + LINK_HEADER_BYTES, record + RECORD_HEAD_BYTES, given);
    if (link_frame_write(record[0], (uint16_t)link_get16(record + 1), body,
                         length, wire, capacity, &written) != LINK_OK) {
        __builtin_trap();
    }
    *crc = link_get32(body + LINK_HEADER_BYTES + length);
    return written;
}

static void check_reply(uint8_t type, uint16_t sequence, uint32_t crc)
{
    link_reader_t reader;
    uint32_t frames = 0;
    const uint8_t *said = memory_output();
    link_reader_init(&reader);
    for (uint32_t i = 0; i < memory_output_length(); i++) {
        if (link_reader_feed(&reader, said[i]) != LINK_FRAME) {
            continue;
        }
        frames++;
        uint8_t kind = reader.frame.type;
        if (reader.frame.sequence != sequence ||
            reader.frame.length < PREFIX_BYTES ||
            reader.frame.length > LINK_MAX_REPLY_PAYLOAD_BYTES ||
            link_get32(reader.frame.payload) != crc ||
            (kind != (type | REPLY) && kind != REPLY_MISSING &&
             kind != REPLY_ERROR)) {
            __builtin_trap();
        }
    }
    if (frames != (type == REQUEST_PUT ? 0u : 1u)) {
        __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[LINK_ENCODED_BYTES(LINK_MAX_REQUEST_BODY_BYTES)];
    uint64_t now_us = 1;
    memory_allow_baud(size > 0 && (data[0] & 1u));
    memory_boot(1, 1);
    while (size >= RECORD_HEAD_BYTES) {
        uint32_t crc = 0;
        uint32_t length = make_frame(data, size, wire, sizeof wire, &crc);
        uint32_t used = RECORD_HEAD_BYTES + data[5];
        memory_take_output();
        now_us += data[5];
        memory_feed(wire, length, now_us);
        check_reply(data[0], (uint16_t)link_get16(data + 1), crc);
        if (memory_baud() < APP_MIN_BAUD || memory_baud() > APP_MAX_BAUD) {
            __builtin_trap();
        }
        if (used >= size) {
            return 0;
        }
        data += used;
        size -= used;
    }
    return 0;
}
