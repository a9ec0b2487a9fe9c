/* SPDX-License-Identifier: MIT */
/*
 * The last words on an exception: one line with cause and PC on the link,
 * then a reset. It runs on its own stack and trusts nothing but the line.
 */
#include "board.h"
#include "registers.h"
#include "simcall.h"
#include "uart.h"

#define LINE_BYTES 160u
#define NAMES 30u

uint8_t panic_stack[BOARD_PANIC_STACK_BYTES] __attribute__((aligned(16)));
static volatile uint32_t depth;

static const char *const KIND[5] = {"?", "kernel", "user", "double",
                                    "unexpected"};

/* EXCCAUSE as the Xtensa ISA names it. */
static const char *const CAUSE[NAMES] = {
    [0] = "IllegalInstruction",
    [1] = "Syscall",
    [2] = "InstructionFetchError",
    [3] = "LoadStoreError",
    [4] = "Level1Interrupt",
    [5] = "Alloca",
    [6] = "IntegerDivideByZero",
    [8] = "Privileged",
    [9] = "LoadStoreAlignment",
    [12] = "InstrPIFDataError",
    [13] = "LoadStorePIFDataError",
    [14] = "InstrPIFAddrError",
    [15] = "LoadStorePIFAddrError",
    [20] = "InstFetchProhibited",
    [28] = "LoadProhibited",
    [29] = "StoreProhibited",
};

static uint32_t put_text(char *line, uint32_t at, const char *text)
{
    while (*text != '\0' && at < LINE_BYTES) {
        line[at++] = *text++;
    }
    return at;
}

static uint32_t put_hex(char *line, uint32_t at, const char *name,
                        uint32_t value)
{
    uint32_t i;

    at = put_text(line, at, name);
    for (i = 0; i < 8u && at < LINE_BYTES; i++) {
        line[at++] = "0123456789abcdef"[(value >> (28u - 4u * i)) & 0xFu];
    }
    return at;
}

static void restart(void)
{
    if (board_is_emulated()) {
        simcall_exit(EXIT_STATUS_PANIC);
    }
    uart_drain();
    register_write(RTC_MEMORY_PANIC, 1);
    register_write(RTC_OPTIONS0,
                   register_read(RTC_OPTIONS0) | SYSTEM_RESET);
    for (;;) {
    }
}

void board_panic(uint32_t kind, uint32_t cause, uint32_t pc, uint32_t address,
                 uint32_t caller)
{
    char line[LINE_BYTES];
    const char *name = "";
    uint32_t at = 0;

    if (depth++ != 0u) {
        restart(); /* a fault while telling of one */
    }
    if (cause < NAMES && CAUSE[cause] != 0) {
        name = CAUSE[cause];
    }
    at = put_text(line, at, "\r\nesp8k panic: ");
    at = put_text(line, at, KIND[kind < 5u ? kind : 0u]);
    at = put_hex(line, at, " exception, cause 0x", cause);
    at = put_text(line, at, " ");
    at = put_text(line, at, name);
    at = put_hex(line, at, " at pc 0x", pc);
    at = put_hex(line, at, " address 0x", address);
    at = put_hex(line, at, " a0 0x", caller);
    at = put_text(line, at, "; resetting\r\n");
    if (board_is_emulated()) {
        (void)simcall_write((const uint8_t *)line, at);
    } else {
        uart_send((const uint8_t *)line, at);
    }
    restart();
}
