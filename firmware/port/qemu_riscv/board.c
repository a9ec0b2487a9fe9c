/* SPDX-License-Identifier: MIT */
/*
 * hal.h on RV32IMC, QEMU's virt machine: a 16550 with its interrupt only
 * used to wake the core from wfi, and a 10 MHz timer for timeouts. Traps are
 * never taken but for a panic: interrupts stay masked in mstatus.
 */
#include "app.h"
#include "exit_status.h"
#include "hal.h"
#include "painted_stack.h"

/* ==== The machine ==== */

#define UART_DATA 0x10000000u
#define UART_INTERRUPTS 0x10000001u
#define UART_FIFO 0x10000002u
#define UART_FORMAT 0x10000003u
#define UART_LINE 0x10000005u
#define FIFO_CLEAR_AND_14 0xC7u /* interrupt at 14 bytes or a short silence */
#define FORMAT_8N1 0x03u
#define FORMAT_DIVISOR 0x83u
#define LINE_RECEIVED 0x01u
#define LINE_CAN_SEND 0x20u
#define UART_SOURCE 10u

#define PLIC_PRIORITY 0x0C000000u
#define PLIC_ENABLE 0x0C002000u
#define PLIC_THRESHOLD 0x0C200000u
#define PLIC_CLAIM 0x0C200004u

#define TIMER_COMPARE 0x02004000u
#define TIMER_NOW 0x0200BFF8u
#define TIMER_TICKS_PER_US 10u
/* QEMU's icount leaps to the next alarm: it must never be the end of time. */
#define LONGEST_WAIT_TICKS 36000000000u

#define POWER 0x00100000u
#define POWER_OFF 0x5555u
#define POWER_EXIT_CODE 0x3333u

#define WAKE_BY_TIMER 0x080u
#define WAKE_BY_DEVICE 0x800u

/* What the host writes beyond our memory before the core starts. */
#define PARAMETERS 0x80100000u
#define PARAMETERS_MAGIC 0x6B387065u

uint8_t panic_stack[512] __attribute__((aligned(16)));

static uint32_t boots = 1;
static uint32_t reason = HAL_RESET_POWER_ON;
static int counting;
static uint32_t first_id;

void board_main(void);
void board_panic(uint32_t cause, uint32_t pc, uint32_t value);

static uint32_t load(uint32_t address)
{
    return *(volatile const uint32_t *)(uintptr_t)address;
}

static void store(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)address = value;
}

static uint8_t load_byte(uint32_t address)
{
    return *(volatile const uint8_t *)(uintptr_t)address;
}

static void store_byte(uint32_t address, uint8_t value)
{
    *(volatile uint8_t *)(uintptr_t)address = value;
}

static uint64_t timer(void)
{
    uint32_t high;
    uint32_t low;

    do {
        high = load(TIMER_NOW + 4u);
        low = load(TIMER_NOW);
    } while (high != load(TIMER_NOW + 4u));
    return ((uint64_t)high << 32) | low;
}

static void set_alarm(uint64_t at)
{
    store(TIMER_COMPARE + 4u, 0xFFFFFFFFu);
    store(TIMER_COMPARE, (uint32_t)at);
    store(TIMER_COMPARE + 4u, (uint32_t)(at >> 32));
}

static void wait_for_wake(void)
{
    uint32_t source;

    __asm__ volatile("wfi" ::: "memory");
    source = load(PLIC_CLAIM);
    if (source != 0u) {
        store(PLIC_CLAIM, source);
    }
}

/* ==== hal.h ==== */

void hal_init(void)
{
    uint32_t wake = WAKE_BY_TIMER | WAKE_BY_DEVICE;

    if (load(PARAMETERS) == PARAMETERS_MAGIC) {
        boots = load(PARAMETERS + 4u);
        reason = load(PARAMETERS + 8u);
        counting = load(PARAMETERS + 12u) != 0u;
        first_id = load(PARAMETERS + 16u);
    }
    set_alarm(timer() + LONGEST_WAIT_TICKS);
    store(PLIC_PRIORITY + 4u * UART_SOURCE, 1);
    store(PLIC_ENABLE, 1u << UART_SOURCE);
    store(PLIC_THRESHOLD, 0);
    store_byte(UART_FORMAT, FORMAT_DIVISOR);
    store_byte(UART_DATA, 1); /* the fastest: the silence is timed by it */
    store_byte(UART_INTERRUPTS, 0);
    store_byte(UART_FORMAT, FORMAT_8N1);
    store_byte(UART_FIFO, FIFO_CLEAR_AND_14);
    store_byte(UART_INTERRUPTS, 0x01);
    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t"
                     "csrw mie, %0\n\t.option pop" ::"r"(wake)
                     : "memory");
}

hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got)
{
    uint64_t limit = timer() + (uint64_t)timeout_ms * 1000u *
                                   TIMER_TICKS_PER_US;
    uint32_t count = 0;

    if (timeout_ms == HAL_FOREVER) {
        limit = timer() + LONGEST_WAIT_TICKS;
    }
    set_alarm(limit);
    for (;;) {
        while (count < capacity &&
               (load_byte(UART_LINE) & LINE_RECEIVED) != 0u) {
            bytes[count++] = load_byte(UART_DATA);
        }
        if (count > 0u || timer() >= limit) {
            break;
        }
        wait_for_wake();
    }
    set_alarm(timer() + LONGEST_WAIT_TICKS);
    *got = count;
    return count > 0u ? HAL_OK : HAL_TIMEOUT;
}

hal_status_t hal_write(const uint8_t *bytes, uint32_t length)
{
    uint32_t i;

    for (i = 0; i < length; i++) {
        while ((load_byte(UART_LINE) & LINE_CAN_SEND) == 0u) {
        }
        store_byte(UART_DATA, bytes[i]);
    }
    return HAL_OK;
}

hal_status_t hal_set_baud(uint32_t baud)
{
    (void)baud;
    return HAL_OK; /* a pseudo-terminal carries any rate */
}

uint64_t hal_time_us(void)
{
    return timer() / TIMER_TICKS_PER_US;
}

uint32_t hal_count(void)
{
    uint32_t count;

    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t"
                     "csrr %0, minstret\n\t.option pop"
                     : "=r"(count)::"memory");
    return counting ? count : 0u;
}

hal_counter_t hal_counter(void)
{
    return counting ? HAL_COUNTER_INSTRUCTIONS : HAL_COUNTER_NONE;
}

uint32_t hal_counter_hz(void)
{
    return 0;
}

uint32_t hal_boot_count(void)
{
    return boots;
}

/* Whoever starts this board counts its boots, and drew the first number. */
uint32_t hal_boot_id(void)
{
    return first_id + boots;
}

uint32_t hal_reset_reason(void)
{
    return reason;
}

uint32_t hal_stack_used_bytes(void)
{
    return painted_stack_used_bytes();
}

void hal_alive(void)
{
    /* nothing here watches the app */
}

const char *hal_board(void)
{
    return "riscv";
}

static void leave(uint32_t code)
{
    store(POWER, code == 0u ? POWER_OFF : (code << 16) | POWER_EXIT_CODE);
    for (;;) {
    }
}

void hal_reset(void)
{
    leave(EXIT_STATUS_RESET);
}

/* ==== Start and panic ==== */

void board_main(void)
{
    hal_init();
    esp8k_app();
    leave(EXIT_STATUS_CLOSED);
}

static void put_text(const char *text)
{
    while (*text != '\0') {
        (void)hal_write((const uint8_t *)text, 1);
        text++;
    }
}

static void put_hex(uint32_t value)
{
    uint32_t i;

    put_text("0x");
    for (i = 0; i < 8u; i++) {
        uint32_t digit = (value >> (28u - 4u * i)) & 0xFu;
        char text[2];

        text[0] = (char)(digit < 10u ? '0' + digit : 'a' + digit - 10u);
        text[1] = '\0';
        put_text(text);
    }
}

void board_panic(uint32_t cause, uint32_t pc, uint32_t value)
{
    put_text("\r\nesp8k panic: trap, cause ");
    put_hex(cause);
    put_text(" at pc ");
    put_hex(pc);
    put_text(" address ");
    put_hex(value);
    put_text("; resetting\r\n");
    leave(EXIT_STATUS_PANIC);
}
