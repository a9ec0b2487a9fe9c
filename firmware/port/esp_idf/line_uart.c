/* SPDX-License-Identifier: MIT */
/* UART0, by its driver's interrupt and buffers. */
#include "sdkconfig.h"

#include "lines.h"

#ifdef CONFIG_ESP8K_LINE_UART

#include <stddef.h>

#include "driver/uart.h"
#include "esp_err.h"
#include "freertos/FreeRTOS.h"

#define LINE UART_NUM_0
#define FIRST_BAUD 115200
#define DRAIN_MS 2000u
#define RX_FULL_BYTES 64     /* of 128: 0.7 ms to spare at 921600 baud */
#define RX_SILENCE_SYMBOLS 2 /* then what is there is handed over */
#define BAUD_ERROR_PARTS 50u /* 2 % */

static void init(void)
{
    const uart_config_t config = {
        .baud_rate = FIRST_BAUD,
        .data_bits = UART_DATA_8_BITS,
        .parity = UART_PARITY_DISABLE,
        .stop_bits = UART_STOP_BITS_1,
        .flow_ctrl = UART_HW_FLOWCTRL_DISABLE,
        .source_clk = UART_SCLK_DEFAULT,
    };

    ESP_ERROR_CHECK(uart_driver_install(LINE, CONFIG_ESP8K_UART_RX_BYTES,
                                        CONFIG_ESP8K_UART_TX_BYTES, 0, NULL,
                                        0));
    ESP_ERROR_CHECK(uart_param_config(LINE, &config));
    ESP_ERROR_CHECK(uart_set_rx_full_threshold(LINE, RX_FULL_BYTES));
    ESP_ERROR_CHECK(uart_set_rx_timeout(LINE, RX_SILENCE_SYMBOLS));
}

/* At least one tick for anything but 0, so a short wait is still a wait. */
static TickType_t to_ticks(uint32_t milliseconds)
{
    return milliseconds == 0u ? 0 : pdMS_TO_TICKS(milliseconds) + 1;
}

/* The driver waits for all that it is asked for: one byte, then the rest. */
static int read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms)
{
    int count = uart_read_bytes(LINE, bytes, 1, to_ticks(timeout_ms));
    size_t waiting = 0;

    if (count == 1 && capacity > 1u &&
        uart_get_buffered_data_len(LINE, &waiting) == ESP_OK && waiting > 0) {
        uint32_t room = capacity - 1u;
        uint32_t more = waiting < room ? (uint32_t)waiting : room;
        int further = uart_read_bytes(LINE, bytes + 1, more, 0);

        count += further > 0 ? further : 0;
    }
    return count;
}

/* Waits for room as long as it takes: a UART sends whether one reads or not. */
static uint32_t write(const uint8_t *bytes, uint32_t length,
                      uint32_t timeout_ms)
{
    int count = uart_write_bytes(LINE, bytes, length);

    (void)timeout_ms;
    return count > 0 ? (uint32_t)count : 0u;
}

static hal_status_t set_baud(uint32_t baud)
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

const line_t line_uart = {init, read, write, set_baud, DRAIN_MS};

#endif
