/* SPDX-License-Identifier: MIT */
/*
 * The crystal, by counting it: timer group 0 counts crystal cycles while some
 * cycles of the 8 MHz oscillator over 256 pass. That oscillator is an RC, off
 * by some per cent; 26 and 40 lie 54 % apart.
 */
#include "crystal.h"

#include "registers.h"

#define CYCLES 100u           /* 3.2 ms */
#define REFERENCE_HZ 31250u   /* 8 MHz / 256 */
#define MOST_LOOKS 1000000u   /* some ten times those 3.2 ms */
#define LEAST_HZ 20000000u    /* below: nothing that an ESP32 is made with */
#define BETWEEN_HZ 32500000u  /* nearer to 26 or to 40 MHz, as a ratio */
#define MOST_HZ 52000000u

/* Crystal cycles in CYCLES of the reference; 0: no answer. */
static uint32_t measure(void)
{
    uint32_t config = MEASURE_8M_D256 | CYCLES << MEASURE_CYCLES_SHIFT;
    uint32_t clocks = register_read(RTC_CLOCK_CONFIG);
    uint32_t count = 0;
    uint32_t looks = 0;

    register_write(RTC_CLOCK_CONFIG,
                   (clocks | RTC_CLOCK_8M_D256_TO_TIMERS) &
                       ~(RTC_CLOCK_8M_OFF | RTC_CLOCK_8M_D256_OFF));
    register_write(TIMER0_MEASURE, config); /* stopped, and not cycling */
    register_write(TIMER0_MEASURE, config | MEASURE_START);
    while ((register_read(TIMER0_MEASURE) & MEASURE_READY) == 0u &&
           looks < MOST_LOOKS) {
        looks++;
    }
    if (looks < MOST_LOOKS) {
        count = register_read(TIMER0_MEASURED) >> MEASURED_SHIFT;
    }
    register_write(TIMER0_MEASURE, config);
    register_write(RTC_CLOCK_CONFIG, clocks);
    return count;
}

uint32_t crystal_hz(uint32_t otherwise)
{
    uint32_t hz = measure() / CYCLES * REFERENCE_HZ;

    if (hz < LEAST_HZ || hz > MOST_HZ) {
        return otherwise;
    }
    return hz < BETWEEN_HZ ? 26000000u : 40000000u;
}
