/* SPDX-License-Identifier: MIT */
/*
 * ESP32 registers that this port touches, and how it touches them. Tests
 * define ESP8K_FAKE_REGISTERS and give the two functions themselves.
 */
#ifndef ESP8K_REGISTERS_H
#define ESP8K_REGISTERS_H

#include <stdint.h>

/* ==== UART0 ==== */

#define UART_RX_FIFO 0x3FF40000u /* read here: one byte a load */
/* Writes through the address above can be lost (chip erratum 3.3): AHB. */
#define UART_TX_FIFO 0x60000000u
#define UART_INT_RAW 0x3FF40004u
#define UART_INT_ENA 0x3FF4000Cu
#define UART_INT_CLR 0x3FF40010u
#define UART_CLKDIV 0x3FF40014u /* [19:0] whole, [23:20] sixteenths */
#define UART_STATUS 0x3FF4001Cu /* [7:0] received, [23:16] to send */
#define UART_CONF1 0x3FF40024u
#define UART_MEM_RX_STATUS 0x3FF40060u /* [12:2] read, [23:13] written */

#define UART_FIFO_BYTES 128u
#define UART_INT_RX_FULL (1u << 0)
#define UART_INT_RX_OVERFLOW (1u << 4)
#define UART_INT_RX_TIMEOUT (1u << 8)
#define UART_CONF1_RX_FULL_SHIFT 0
#define UART_CONF1_TIMEOUT_SHIFT 24
#define UART_CONF1_TIMEOUT_ENABLE (1u << 31)

/* ==== Clocks, resets, watchdogs ==== */

#define DPORT_UART0_INTERRUPT_MAP 0x3FF0018Cu
#define RTC_OPTIONS0 0x3FF48000u /* bit 31: reset the whole system */
#define RTC_RESET_STATE 0x3FF48034u
#define RTC_CLOCK_CONFIG 0x3FF48070u
#define RTC_CLOCK_8M_OFF (1u << 6)
#define RTC_CLOCK_8M_D256_OFF (1u << 7)
#define RTC_CLOCK_8M_D256_TO_TIMERS (1u << 9)
#define RTC_BROWN_OUT 0x3FF480D4u
#define BROWN_OUT_ENABLE (1u << 30)
#define BROWN_OUT_LEVEL_SHIFT 27 /* 3 bits, 0: the lowest, about 2.43 V */
#define BROWN_OUT_RESET (1u << 26)
#define BROWN_OUT_WAIT_SHIFT 16 /* 10 bits, slow clocks until the reset */
#define RTC_WDT_CONFIG0 0x3FF4808Cu
#define RTC_WDT_PROTECT 0x3FF480A4u
#define TIMER0_WDT_CONFIG0 0x3FF5F048u
#define WDT_ENABLE (1u << 31)
#define WDT_STAGE0_RESETS (3u << 29)  /* the whole system */
#define WDT_LONGEST_RESETS (63u << 15) /* its signals to CPU and system */
#define TIMER0_WDT_PRESCALE 0x3FF5F04Cu
#define WDT_PRESCALE_SHIFT 16
#define TIMER0_WDT_STAGE0 0x3FF5F050u /* ticks until its action */
#define TIMER0_WDT_FEED 0x3FF5F060u   /* any write starts anew */
/* Counts crystal cycles while so many of another clock pass. */
#define TIMER0_MEASURE 0x3FF5F068u
#define MEASURE_START (1u << 31)
#define MEASURE_CYCLES_SHIFT 16 /* 15 bits */
#define MEASURE_READY (1u << 15)
#define MEASURE_8M_D256 (1u << 13) /* 2 bits */
#define TIMER0_MEASURED 0x3FF5F06Cu /* [31:7] */
#define MEASURED_SHIFT 7
#define TIMER0_WDT_PROTECT 0x3FF5F064u
#define TIMER1_WDT_CONFIG0 0x3FF60048u
#define TIMER1_WDT_PROTECT 0x3FF60064u
#define WDT_KEY 0x50D83AA1u
#define SYSTEM_RESET (1u << 31)

/* The noise generator; read by the CPU at this address (WDEV_RND_REG). */
#define RANDOM_NUMBER 0x3FF75144u

/* Slow RTC memory outlives every reset but the loss of power. */
#define RTC_MEMORY_FIRST_ID 0x50001FECu
#define RTC_MEMORY_MAGIC 0x50001FF0u
#define RTC_MEMORY_BOOTS 0x50001FF4u
#define RTC_MEMORY_CHECK 0x50001FF8u
#define RTC_MEMORY_PANIC 0x50001FFCu

#ifdef ESP8K_FAKE_REGISTERS
uint32_t register_read(uint32_t address);
void register_write(uint32_t address, uint32_t value);
#else
static inline uint32_t register_read(uint32_t address)
{
    return *(volatile const uint32_t *)(uintptr_t)address;
}

static inline void register_write(uint32_t address, uint32_t value)
{
    *(volatile uint32_t *)(uintptr_t)address = value;
}
#endif

#endif
