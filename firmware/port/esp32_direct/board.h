/* SPDX-License-Identifier: MIT */
/* What start.S, board.c and panic.c know of each other. */
#ifndef ESP8K_BOARD_H
#define ESP8K_BOARD_H

#include <stdint.h>

/* PRID is 0 on QEMU's de233_fpu and 0xCDCD or 0xABAB on the ESP32's two cores. */
int board_is_emulated(void);
/* Called by start.S. */
void board_main(void);
void board_interrupt(void);
void board_panic(uint32_t kind, uint32_t cause, uint32_t pc, uint32_t address,
                 uint32_t caller);

#define BOARD_PANIC_STACK_BYTES 512u
extern uint8_t panic_stack[BOARD_PANIC_STACK_BYTES];

#endif
