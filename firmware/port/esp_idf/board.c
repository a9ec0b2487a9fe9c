/* SPDX-License-Identifier: MIT */
/*
 * hal.h on ESP-IDF 5.1 to 5.5: esp32, esp32s3, esp32c3.
 *
 * app_main installs the UART driver on core 0, so that its interrupt never
 * stops an inference, and starts one task with a static stack, pinned to the
 * last core: the application. The task watchdog is fed wherever the task
 * waits or answers.
 */
#include "app.h"
#include "hal.h"

#include <stddef.h>

#include "driver/uart.h"
#include "esp_attr.h"
#include "esp_cpu.h"
#include "esp_err.h"
#include "esp_random.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/idf_additions.h"
#include "freertos/task.h"
#include "sdkconfig.h"

#define LINE UART_NUM_0
#define FIRST_BAUD 115200
#define LONGEST_WAIT_MS 1000u /* the watchdog is fed at least so often */
#define DRAIN_MS 2000u
#define RX_FULL_BYTES 64      /* of 128: 0.7 ms to spare at 921600 baud */
#define RX_SILENCE_SYMBOLS 2  /* then what is there is handed over */
#define BAUD_ERROR_PARTS 50u  /* 2 % */
#define MAGIC 0x6B387045u

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
    const uart_config_t config = {
        .baud_rate = FIRST_BAUD,
        .data_bits = UART_DATA_8_BITS,
        .parity = UART_PARITY_DISABLE,
        .stop_bits = UART_STOP_BITS_1,
        .flow_ctrl = UART_HW_FLOWCTRL_DISABLE,
        .source_clk = UART_SCLK_DEFAULT,
    };

    count_boot();
    ESP_ERROR_CHECK(uart_driver_install(LINE, CONFIG_ESP8K_UART_RX_BYTES,
                                        CONFIG_ESP8K_UART_TX_BYTES, 0, NULL,
                                        0));
    ESP_ERROR_CHECK(uart_param_config(LINE, &config));
    ESP_ERROR_CHECK(uart_set_rx_full_threshold(LINE, RX_FULL_BYTES));
    ESP_ERROR_CHECK(uart_set_rx_timeout(LINE, RX_SILENCE_SYMBOLS));
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

/* ==== Serial link ==== */

/* At least one tick for anything but 0, so a short wait is still a wait. */
static TickType_t to_ticks(uint32_t milliseconds)
{
    return milliseconds == 0u ? 0 : pdMS_TO_TICKS(milliseconds) + 1;
}

/* The first byte, waiting in slices that feed the watchdog. */
static hal_status_t wait_for_byte(uint8_t *byte, uint32_t timeout_ms)
{
    uint32_t left = timeout_ms;

    for (;;) {
        uint32_t slice = left < LONGEST_WAIT_MS ? left : LONGEST_WAIT_MS;
        int count = uart_read_bytes(LINE, byte, 1, to_ticks(slice));

        (void)esp_task_wdt_reset();
        if (count == 1) {
            return HAL_OK;
        }
        if (count < 0) {
            return HAL_CLOSED;
        }
        if (timeout_ms != HAL_FOREVER) {
            left -= slice;
            if (left == 0u) {
                return HAL_TIMEOUT;
            }
        }
    }
}

hal_status_t hal_read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms,
                      uint32_t *got)
{
    hal_status_t status;
    size_t waiting = 0;

    *got = 0;
    if (capacity == 0u) {
        return HAL_TIMEOUT;
    }
    status = wait_for_byte(bytes, timeout_ms);
    if (status != HAL_OK) {
        return status;
    }
    *got = 1;
    if (uart_get_buffered_data_len(LINE, &waiting) == ESP_OK && waiting > 0) {
        uint32_t room = capacity - 1u;
        uint32_t more = waiting < room ? (uint32_t)waiting : room;
        int count = 0;

        if (more > 0u) {
            count = uart_read_bytes(LINE, bytes + 1, more, 0);
        }
        if (count > 0) {
            *got += (uint32_t)count;
        }
    }
    return HAL_OK;
}

hal_status_t hal_write(const uint8_t *bytes, uint32_t length)
{
    int count = uart_write_bytes(LINE, bytes, length);

    (void)esp_task_wdt_reset();
    return count >= 0 && (uint32_t)count == length ? HAL_OK : HAL_CLOSED;
}

hal_status_t hal_set_baud(uint32_t baud)
{
    uint32_t before = 0;
    uint32_t actual = 0;
    uint32_t error;

    if (baud == 0u || uart_get_baudrate(LINE, &before) != ESP_OK ||
        uart_wait_tx_done(LINE, pdMS_TO_TICKS(DRAIN_MS)) != ESP_OK) {
        return HAL_UNSUPPORTED;
    }
    if (uart_set_baudrate(LINE, baud) == ESP_OK &&
        uart_get_baudrate(LINE, &actual) == ESP_OK) {
        error = actual > baud ? actual - baud : baud - actual;
        if (error <= baud / BAUD_ERROR_PARTS) {
            return HAL_OK;
        }
    }
    (void)uart_set_baudrate(LINE, before);
    return HAL_UNSUPPORTED;
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
    return HAL_COUNTER_CYCLES;
}

uint32_t hal_counter_hz(void)
{
    return (uint32_t)CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ * 1000000u;
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
