/* SPDX-License-Identifier: MIT */
/* The high-water mark of a stack that start.S filled with STACK_PAINT. */
#ifndef ESP8K_PAINTED_STACK_H
#define ESP8K_PAINTED_STACK_H

#include <stdint.h>

#define STACK_PAINT 0xA5A5A5A5u

/* Symbols of the linker script. */
extern uint32_t stack_bottom[];
extern uint32_t stack_top[];

static inline uint32_t painted_stack_used_bytes(void)
{
    uintptr_t top = (uintptr_t)stack_top;
    uintptr_t at = (uintptr_t)stack_bottom;

    while (at < top && *(const uint32_t *)at == STACK_PAINT) {
        at += sizeof(uint32_t);
    }
    return (uint32_t)(top - at);
}

#endif
