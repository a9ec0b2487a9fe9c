/* SPDX-License-Identifier: MIT */
/*
 * hal.h on ESP-IDF 5.1 to 5.5: esp32, esp32s2, esp32s3, esp32c3, esp32c6. The
 * serial lines are in lines.c.
 *
 * app_main installs their drivers on core 0, so that no interrupt of theirs
 * stops an inference, and starts one task with a static stack, pinned to the
 * last core: the application. The task watchdog is fed wherever the task
 * waits or answers.
 */
#include "app.h"
#include "hal.h"

#include <stddef.h>

#include "esp_attr.h"
#include "esp_cpu.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "espressif_qemu.h"
#include "freertos/FreeRTOS.h"
#include "freertos/idf_additions.h"
#include "freertos/task.h"
#include "lines.h"
#include "sdkconfig.h"

#define MAGIC 0x6B387045u

#if defined(CONFIG_IDF_TARGET_ESP32)
#define EMULATOR_WORD ESPRESSIF_QEMU_ON_ESP32
#elif defined(CONFIG_IDF_TARGET_ESP32S3) || defined(CONFIG_IDF_TARGET_ESP32C3)
#define EMULATOR_WORD ESPRESSIF_QEMU_ON_S3_C3
#endif

/* Outlives every reset but the loss of power. */
RTC_NOINIT_ATTR static uint32_t kept_magic;
RTC_NOINIT_ATTR static uint32_t kept_boots;
RTC_NOINIT_ATTR static uint32_t kept_check;
RTC_NOINIT_ATTR static uint32_t kept_first_id;

static StackType_t task_stack[CONFIG_ESP8K_TASK_STACK_BYTES];
static StaticTask_t task_memory;

/* ==== Start ==== */

static void count_boot(void)
{
    if (kept_magic == MAGIC && kept_check == ~kept_boots) {
        kept_boots++;
    } else {
        kept_boots = 1;
        kept_first_id = esp_random();
    }
    kept_magic = MAGIC;
    kept_check = ~kept_boots;
}

void hal_init(void)
{
    count_boot();
    lines_init();
}

static void run_app(void *unused)
{
    (void)unused;
    (void)esp_task_wdt_add(NULL);
    esp8k_app();
    hal_reset();
}

void app_main(void);

void app_main(void)
{
    hal_init();
    (void)xTaskCreateStaticPinnedToCore(
        run_app, "esp8k", CONFIG_ESP8K_TASK_STACK_BYTES, NULL,
        CONFIG_ESP8K_TASK_PRIORITY, task_stack, &task_memory,
        portNUM_PROCESSORS - 1);
}

/* ==== Time ==== */

uint64_t hal_time_us(void)
{
    return (uint64_t)esp_timer_get_time();
}

uint32_t hal_count(void)
{
    return (uint32_t)esp_cpu_get_cycle_count();
}

hal_counter_t hal_counter(void)
{
#ifdef EMULATOR_WORD
    if (espressif_qemu_word(EMULATOR_WORD) == ESPRESSIF_QEMU_SIGN) {
        return HAL_COUNTER_NONE;
    }
#endif
    return HAL_COUNTER_CYCLES;
}

uint32_t hal_counter_hz(void)
{
    return hal_counter() == HAL_COUNTER_CYCLES
               ? (uint32_t)CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ * 1000000u
               : 0u;
}

/* ==== Board ==== */

uint32_t hal_boot_count(void)
{
    return kept_boots;
}

uint32_t hal_boot_id(void)
{
    return kept_first_id + kept_boots;
}

uint32_t hal_reset_reason(void)
{
    switch (esp_reset_reason()) {
    case ESP_RST_POWERON:
    case ESP_RST_EXT:
        return HAL_RESET_POWER_ON;
    case ESP_RST_SW:
        return HAL_RESET_SOFTWARE;
    case ESP_RST_PANIC:
        return HAL_RESET_PANIC;
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
        return HAL_RESET_WATCHDOG;
    case ESP_RST_BROWNOUT:
        return HAL_RESET_BROWNOUT;
    default:
        return HAL_RESET_UNKNOWN;
    }
}

/* ESP-IDF counts stacks in bytes, and paints them itself. */
uint32_t hal_stack_used_bytes(void)
{
    uint32_t never_used = (uint32_t)uxTaskGetStackHighWaterMark(NULL);

    return (uint32_t)CONFIG_ESP8K_TASK_STACK_BYTES - never_used;
}

/*
 * `infer 100000` keeps this task busy for minutes; the idle task that then
 * starves is not watched (sdkconfig.defaults).
 */
void hal_alive(void)
{
    (void)esp_task_wdt_reset();
}

const char *hal_board(void)
{
    return CONFIG_IDF_TARGET;
}

void hal_reset(void)
{
    esp_restart();
}
