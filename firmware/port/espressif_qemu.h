/* SPDX-License-Identifier: MIT */
/*
 * Whether this is a chip, or Espressif's QEMU: that writes "QEMU" to a place
 * where the ESP32, S3 and C3 have nothing. What is counted in an emulator is
 * no measurement of a chip, and a port must not call it one. Tests define
 * ESP8K_FAKE_REGISTERS and give the word themselves.
 */
#ifndef ESP8K_ESPRESSIF_QEMU_H
#define ESP8K_ESPRESSIF_QEMU_H

#include <stdint.h>

#define ESPRESSIF_QEMU_ON_ESP32 0x3FF66078u
#define ESPRESSIF_QEMU_ON_S3_C3 0x600263F8u
#define ESPRESSIF_QEMU_SIGN 0x51454D55u

#ifdef ESP8K_FAKE_REGISTERS
uint32_t espressif_qemu_word(uint32_t address);
#else
static inline uint32_t espressif_qemu_word(uint32_t address)
{
    return *(volatile const uint32_t *)(uintptr_t)address;
}
#endif

#endif
