/* SPDX-License-Identifier: MIT */
/*
 * USB-Serial-JTAG of C3, S3 and C6. The chip's own, no matter at which rate a
 * host opens it; the host waits while the endpoint is full, the driver's
 * buffer is as large as a UART's, so batches lose nothing here either.
 */
#include "sdkconfig.h"

#include "lines.h"

#ifdef CONFIG_ESP8K_LINE_USB_SERIAL_JTAG

#include "driver/usb_serial_jtag.h"
#include "esp_err.h"
#include "freertos/FreeRTOS.h"

#define PATIENCE_MS 100u /* a host that reads takes some within this */

static void init(void)
{
    usb_serial_jtag_driver_config_t config = {
        .tx_buffer_size = CONFIG_ESP8K_UART_TX_BYTES,
        .rx_buffer_size = CONFIG_ESP8K_UART_RX_BYTES,
    };

    ESP_ERROR_CHECK(usb_serial_jtag_driver_install(&config));
}

static int read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms)
{
    uint32_t ticks = timeout_ms == 0u ? 0u : pdMS_TO_TICKS(timeout_ms) + 1u;
    int count = usb_serial_jtag_read_bytes(bytes, capacity, ticks);

    return count > 0 ? count : 0;
}

/* The driver takes a piece whole or not at all: its buffer may be smaller. */
static uint32_t write(const uint8_t *bytes, uint32_t length,
                      uint32_t timeout_ms)
{
    int count = usb_serial_jtag_write_bytes(bytes, length,
                                            pdMS_TO_TICKS(timeout_ms));

    return count > 0 ? (uint32_t)count : 0u;
}

static hal_status_t set_baud(uint32_t baud)
{
    (void)baud;
    return HAL_OK; /* USB carries any rate */
}

const line_t line_jtag = {init, read, write, set_baud, PATIENCE_MS};

#endif
