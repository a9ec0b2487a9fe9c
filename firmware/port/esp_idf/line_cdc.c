/* SPDX-License-Identifier: MIT */
/*
 * USB-CDC of S2, by the console driver over the chip's ROM: ESP-IDF has no
 * other one of its own. It must be the console (sdkconfig.defaults.esp32s2);
 * its receive buffer is CONFIG_ESP_CONSOLE_USB_CDC_RX_BUF_SIZE.
 *
 * It has callbacks in the interrupt and no waiting functions: this file looks
 * once a tick, which is a millisecond.
 */
#include "sdkconfig.h"

#include "lines.h"

#ifdef CONFIG_ESP8K_LINE_USB_CDC

#include <stddef.h>

#include "esp_private/usb_console.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#define PATIENCE_MS 100u /* a host that reads takes some within this */

/* Without a callback the ROM's driver keeps its interrupt for input off. */
static void woken(void *unused)
{
    (void)unused;
}

static void init(void)
{
    (void)esp_usb_console_set_cb(woken, woken, NULL);
}

static int read(uint8_t *bytes, uint32_t capacity, uint32_t timeout_ms)
{
    for (;;) {
        int count = (int)esp_usb_console_read_buf((char *)bytes, capacity);

        if (count > 0 || timeout_ms == 0u) {
            return count > 0 ? count : 0;
        }
        vTaskDelay(1);
        timeout_ms--;
    }
}

static uint32_t write(const uint8_t *bytes, uint32_t length,
                      uint32_t timeout_ms)
{
    uint32_t sent = 0;

    while (sent < length) {
        int count;

        if (!esp_usb_console_write_available()) {
            if (timeout_ms == 0u) {
                break;
            }
            timeout_ms--;
            vTaskDelay(1);
            continue;
        }
        count = (int)esp_usb_console_write_buf((const char *)bytes + sent,
                                               length - sent);
        if (count <= 0) {
            break;
        }
        sent += (uint32_t)count;
    }
    (void)esp_usb_console_flush(); /* it holds 64 bytes back until a newline */
    return sent;
}

static hal_status_t set_baud(uint32_t baud)
{
    (void)baud;
    return HAL_OK; /* USB carries any rate */
}

const line_t line_cdc = {init, read, write, set_baud, PATIENCE_MS};

#endif
