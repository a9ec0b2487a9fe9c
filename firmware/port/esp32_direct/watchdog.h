/* SPDX-License-Identifier: MIT */
/* The ESP32's watchdogs: the ROM's are stopped, one of ours is fed. */
#ifndef ESP8K_WATCHDOG_H
#define ESP8K_WATCHDOG_H

#include <stdint.h>

#define WATCHDOG_MS 30000u /* as sdkconfig.defaults tells ESP-IDF */

/* Stop what the ROM has started. */
void watchdogs_stop(void);

/* From now on a reset, unless fed within WATCHDOG_MS; `apb_hz` of its clock. */
void watchdog_start(uint32_t apb_hz);

void watchdog_feed(void);

#endif
