/* SPDX-License-Identifier: MIT */
/* CRC-32 (IEEE 802.3, reflected, as zlib's crc32): the link's checksum. */
#ifndef LINK_CRC_H
#define LINK_CRC_H

#include <stdint.h>

/* Continue from `crc` (0 to begin) over `length` bytes. */
uint32_t link_crc32(uint32_t crc, const uint8_t *bytes, uint32_t length);

#endif
