/* SPDX-License-Identifier: MIT */
/* Which crystal an ESP32 has. */
#ifndef ESP8K_CRYSTAL_H
#define ESP8K_CRYSTAL_H

#include <stdint.h>

/*
 * 40,000,000 or 26,000,000, measured against the chip's own oscillator of
 * 8 MHz; `otherwise` where that gives no answer or a strange one.
 */
uint32_t crystal_hz(uint32_t otherwise);

#endif
