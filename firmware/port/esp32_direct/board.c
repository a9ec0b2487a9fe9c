/* SPDX-License-Identifier: MIT */
/*
 * hal.h on the bare core: QEMU's de233_fpu by simcall, a real ESP32 by UART0.
 *
 * The CPU stays on the crystal (40 or 26 MHz): the PLL is set through an analogue
 * bus whose only public access is ROM code, which this port does not call.
 */
#include "board.h"

#include "app.h"
#include "crystal.h"
#include "espressif_qemu.h"
#include "hal.h"
#include "mulsh.h"
#include "painted_stack.h"
#include "registers.h"
#include "simcall.h"
#include "uart.h"
#include "watchdog.h"

#define UART_INTERRUPT 5u /* level 1, level-triggered, on LX6 */
#define EMULATED_CORE_MHZ 40u
#define LONGEST_WAIT_MS 30000u
#define RTC_MAGIC 0x6B387045u
#define RESET_STATE_POWER_ON 1u
#define RESET_STATE_BROWNOUT 15u

static simcall_options_t options;
static uint64_t ticks_total;
static uint32_t ticks_last;
static uint32_t boots;
static uint32_t boot_id;
static uint32_t cpu_hz;
static uint32_t reason;

/* ==== Core ==== */

int board_is_emulated(void)
{
    uint32_t prid;

    __asm__ volatile("rsr %0, prid" : "=r"(prid));
    return prid == 0u;
}

static uint32_t ccount(void)
{
    uint32_t value;

    __asm__ volatile("rsr %0, ccount" : "=r"(value)::"memory");
    return value;
}

/* CCOUNT in 64 bits, right if asked at least once every 2^32 ticks. */
static uint64_t ticks(void)
{
    uint32_t now = ccount();

    ticks_total += now - ticks_last;
    ticks_last = now;
    return ticks_total;
}

/* The emulator's reset code has it count every instruction, and its 2^32nd one
 * is a debug exception. */
static void restart_icount(void)
{
    __asm__ volatile("wsr %0, icount" ::"r"(1) : "memory");
}

static void enable_interrupt(uint32_t number)
{
    uint32_t mask = 1u << number;

    __asm__ volatile("wsr %0, intenable\n\trsync" ::"r"(mask) : "memory");
}

void board_interrupt(void)
{
    uart_receive();
}

/* ==== ESP32 only ==== */

/* Reset below about 2.43 V, the level that ESP-IDF chooses by default. */
static void watch_the_supply(void)
{
    register_write(RTC_BROWN_OUT, BROWN_OUT_ENABLE | BROWN_OUT_RESET |
                                      0u << BROWN_OUT_LEVEL_SHIFT |
                                      0x3FFu << BROWN_OUT_WAIT_SHIFT);
}

static uint32_t esp32_reason(uint32_t panicked)
{
    uint32_t state = register_read(RTC_RESET_STATE) & 0x3Fu;

    if (panicked != 0u) {
        return HAL_RESET_PANIC;
    }
    switch (state) {
    case RESET_STATE_POWER_ON:
        return HAL_RESET_POWER_ON;
    case 3u: /* system, by software */
    case 12u: /* core, by software */
        return HAL_RESET_SOFTWARE;
    case RESET_STATE_BROWNOUT:
        return HAL_RESET_BROWNOUT;
    case 4u: /* the chip's watchdogs, by their owners */
    case 7u:
    case 8u:
    case 9u:
    case 11u:
    case 13u:
    case 16u:
        return HAL_RESET_WATCHDOG;
    default:
        return HAL_RESET_UNKNOWN;
    }
}

static void esp32_init(void)
{
    int kept;

    watchdogs_stop();
    kept = register_read(RTC_MEMORY_MAGIC) == RTC_MAGIC &&
           register_read(RTC_MEMORY_CHECK) ==
               ~register_read(RTC_MEMORY_BOOTS);
    boots = kept ? register_read(RTC_MEMORY_BOOTS) + 1u : 1u;
    if (!kept) { /* what RTC memory wakes up with is noise, too */
        register_write(RTC_MEMORY_FIRST_ID,
                       register_read(RTC_MEMORY_FIRST_ID) ^
                           register_read(RANDOM_NUMBER) ^ ccount());
    }
    boot_id = register_read(RTC_MEMORY_FIRST_ID) + boots;
    reason = esp32_reason(kept ? register_read(RTC_MEMORY_PANIC) : 0u);
    register_write(RTC_MEMORY_MAGIC, RTC_MAGIC);
    register_write(RTC_MEMORY_BOOTS, boots);
    register_write(RTC_MEMORY_CHECK, ~boots);
    register_write(RTC_MEMORY_PANIC, 0);
    uart_init();
    cpu_hz = crystal_hz(uart_clock_hz());
    watch_the_supply();
    watchdog_start(cpu_hz); /* without the PLL the APB has the CPU's clock */
    register_write(DPORT_UART0_INTERRUPT_MAP, UART_INTERRUPT);
    enable_interrupt(UART_INTERRUPT);
}

/* ==== hal.h ==== */

void hal_init(void)
{
    ticks_last = ccount();
    if (board_is_emulated()) {
        simcall_options(&options);
        boots = options.boots;
        boot_id = options.first_id + options.boots;
        reason = options.reason;
    } else {
        esp32_init();
    }
}

static hal_status_t emulated_read(uint8_t *bytes, uint32_t capacity,
                                  uint32_t timeout_ms, uint32_t *got)
{
    uint32_t left = timeout_ms;
    int32_t count;

    for (;;) {
        uint32_t wait = left < LONGEST_WAIT_MS ? left : LONGEST_WAIT_MS;

        (void)ticks(); /* before CCOUNT can wrap unseen */
        restart_icount();
        if (simcall_wait(wait)) {
            break;
        }
        if (timeout_ms != HAL_FOREVER) {
            left -= wait;
            if (left == 0u) {
                return HAL_TIMEOUT;
            }
        }
    }
    count = simcall_read(bytes, capacity);
    if (count <= 0) {
        return HAL_CLOSED;
    }
    *got = (uint32_t)count;
    return HAL_OK;
}

hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got)
{
    uint64_t start = hal_time_us();
    uint64_t limit = (uint64_t)timeout_ms * 1000u;

    *got = 0;
    if (board_is_emulated()) {
        return emulated_read(bytes, capacity, timeout_ms, got);
    }
    for (;;) {
        watchdog_feed();
        *got = uart_take(bytes, capacity);
        if (*got > 0u) {
            return HAL_OK;
        }
        if (timeout_ms != HAL_FOREVER && hal_time_us() - start >= limit) {
            return HAL_TIMEOUT;
        }
        (void)ticks();
    }
}

hal_status_t hal_write(const uint8_t *bytes, uint32_t length)
{
    if (!board_is_emulated()) {
        uart_send(bytes, length);
        return HAL_OK;
    }
    while (length > 0u) {
        int32_t count = simcall_write(bytes, length);

        if (count <= 0) {
            return HAL_CLOSED;
        }
        bytes += count;
        length -= (uint32_t)count;
    }
    return HAL_OK;
}

hal_status_t hal_set_baud(uint32_t baud)
{
    if (board_is_emulated()) {
        return HAL_OK; /* a pseudo-terminal carries any rate */
    }
    uart_drain();
    return uart_set_baud(baud) ? HAL_OK : HAL_UNSUPPORTED;
}

/*
 * Under -icount an instruction lasts 2^shift ns: a core of 1 MHz. The clock
 * is brought to that of a core with the crystal's rate and one instruction a
 * cycle, so that the application's patience means what it should.
 */
uint64_t hal_time_us(void)
{
    uint64_t now = ticks();

    if (!board_is_emulated()) {
        return now / (cpu_hz / 1000000u);
    }
    if (options.icount_shift != 0u) {
        now = (now * 25u) >> options.icount_shift;
    }
    return now / EMULATED_CORE_MHZ;
}

/*
 * With -icount shift=10 an instruction lasts 1024 ns of virtual time, which
 * is 40.96 ticks of CCOUNT. Rounding each difference to whole instructions
 * gives them exactly; rounding the sum would not, because waiting for the
 * line shifts the phase. At most 104 M instructions between two calls. What
 * MULSH takes more than on the chip is taken off.
 */
uint32_t hal_count(void)
{
    static uint32_t counted;
    static uint32_t last;
    uint32_t shift = options.icount_shift;
    uint32_t now = ccount();

    if (!board_is_emulated()) {
        return now;
    }
    if (shift != 0u) {
        uint64_t scaled = (uint64_t)(now - last) * 25u;

        counted += (uint32_t)((scaled + (1u << (shift - 1u))) >> shift);
        last = now;
    }
    return counted - mulsh_traps() * MULSH_TRAP_INSTRUCTIONS;
}

hal_counter_t hal_counter(void)
{
    if (!board_is_emulated()) {
        return espressif_qemu_word(ESPRESSIF_QEMU_ON_ESP32) ==
                       ESPRESSIF_QEMU_SIGN
                   ? HAL_COUNTER_NONE
                   : HAL_COUNTER_CYCLES;
    }
    return options.icount_shift != 0u ? HAL_COUNTER_INSTRUCTIONS
                                      : HAL_COUNTER_NONE;
}

uint32_t hal_counter_hz(void)
{
    return hal_counter() == HAL_COUNTER_CYCLES ? cpu_hz : 0u;
}

uint32_t hal_boot_count(void)
{
    return boots;
}

uint32_t hal_boot_id(void)
{
    return boot_id;
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
    if (!board_is_emulated()) {
        watchdog_feed();
    }
}

const char *hal_board(void)
{
    return board_is_emulated() ? "virtual" : "esp32-direct";
}

void hal_reset(void)
{
    if (board_is_emulated()) {
        simcall_exit(EXIT_STATUS_RESET);
    }
    uart_drain();
    register_write(RTC_OPTIONS0,
                   register_read(RTC_OPTIONS0) | SYSTEM_RESET);
    for (;;) {
    }
}

void board_main(void)
{
    hal_init();
    esp8k_app();
    if (board_is_emulated()) {
        simcall_exit(EXIT_STATUS_CLOSED);
    }
    hal_reset();
}
