/* SPDX-License-Identifier: MIT */
/*
 * Timer group 0's watchdog counts the APB clock, prescaled to milliseconds. Its
 * only stage resets the system, and the ROM then tells the reason.
 */
#include "watchdog.h"

#include "registers.h"

static void set(uint32_t protect, uint32_t address, uint32_t value)
{
    register_write(protect, WDT_KEY);
    register_write(address, value);
    register_write(protect, 0);
}

void watchdogs_stop(void)
{
    set(RTC_WDT_PROTECT, RTC_WDT_CONFIG0, 0);
    set(TIMER0_WDT_PROTECT, TIMER0_WDT_CONFIG0, 0);
    set(TIMER1_WDT_PROTECT, TIMER1_WDT_CONFIG0, 0);
}

void watchdog_start(uint32_t apb_hz)
{
    uint32_t prescale = apb_hz / 1000u; /* 16 bits: up to 65 MHz */

    register_write(TIMER0_WDT_PROTECT, WDT_KEY);
    register_write(TIMER0_WDT_PRESCALE, prescale << WDT_PRESCALE_SHIFT);
    register_write(TIMER0_WDT_STAGE0, WATCHDOG_MS);
    register_write(TIMER0_WDT_FEED, 1);
    register_write(TIMER0_WDT_CONFIG0, WDT_ENABLE | WDT_STAGE0_RESETS |
                                           WDT_LONGEST_RESETS);
    register_write(TIMER0_WDT_PROTECT, 0);
}

void watchdog_feed(void)
{
    set(TIMER0_WDT_PROTECT, TIMER0_WDT_FEED, 1);
}
