/* SPDX-License-Identifier: MIT */
/* Little-endian integers in byte buffers of any alignment. */
#ifndef LINK_BYTES_H
#define LINK_BYTES_H

#include <stdint.h>

static inline uint32_t link_get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static inline uint32_t link_get32(const uint8_t *p)
{
    return link_get16(p) | link_get16(p + 2) << 16;
}

static inline void link_put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value & 0xFFu);
    p[1] = (uint8_t)(value >> 8 & 0xFFu);
}

static inline void link_put32(uint8_t *p, uint32_t value)
{
    link_put16(p, value & 0xFFFFu);
    link_put16(p + 2, value >> 16);
}

#endif
