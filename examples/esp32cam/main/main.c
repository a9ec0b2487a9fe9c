/* SPDX-License-Identifier: MIT
 *
 * Hold a digit in front of an ESP32-CAM (AI-Thinker): what it reads goes out on
 * the serial line, once a frame.
 */
#include "esp_camera.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "v3_decide.h"
#include "v3_model.h"
#include "v3_prepare.h"

#include <stdio.h>

static v3_int8_arena_t arena;
static v3_prepare_t preparing;

void app_main(void);

/* The pins of the AI-Thinker module; another board has others. */
static const camera_config_t camera = {
    .pin_pwdn = 32,
    .pin_reset = -1,
    .pin_xclk = 0,
    .pin_sccb_sda = 26,
    .pin_sccb_scl = 27,
    .pin_d7 = 35,
    .pin_d6 = 34,
    .pin_d5 = 39,
    .pin_d4 = 36,
    .pin_d3 = 21,
    .pin_d2 = 19,
    .pin_d1 = 18,
    .pin_d0 = 5,
    .pin_vsync = 25,
    .pin_href = 23,
    .pin_pclk = 22,
    .xclk_freq_hz = 20000000,
    .ledc_timer = LEDC_TIMER_0,
    .ledc_channel = LEDC_CHANNEL_0,
    .pixel_format = PIXFORMAT_GRAYSCALE,
    .frame_size = FRAMESIZE_QVGA, /* 320x240 */
    .fb_count = 1,
    .fb_location = CAMERA_FB_IN_PSRAM,
    .grab_mode = CAMERA_GRAB_WHEN_EMPTY,
};

static void tell(const uint8_t *pixels, int64_t start)
{
    int8_t logits[V3_OUTPUT_SIZE];
    v3_answer_t answer;

    if (v3_int8_run(&arena, pixels, logits) != V3_OK) {
        return;
    }
    switch (v3_decide(pixels, logits, &answer)) {
    case V3_SURE:
        printf("%d", answer.first);
        break;
    case V3_UNSURE:
        printf("%d or %d?", answer.first, answer.second);
        break;
    case V3_NO_DIGIT:
    default:
        printf("no digit");
        break;
    }
    printf("  (%ld us)\n", (long)(esp_timer_get_time() - start));
}

static void look(const camera_fb_t *frame)
{
    static uint8_t pixels[V3_PREPARE_OUTPUT_BYTES];
    const uint32_t width = (uint32_t)frame->width;
    const uint32_t height = (uint32_t)frame->height;
    const int64_t start = esp_timer_get_time();

    if (v3_prepare_begin(&preparing, width, height) != V3_PREPARE_OK
        || v3_prepare_feed(&preparing, frame->buf, width * height)
               != V3_PREPARE_OK) {
        printf("a frame of %lux%lu\n", (unsigned long)width,
               (unsigned long)height);
        return;
    }
    if (v3_prepare_end(&preparing, V3_PREPARE_AUTO, pixels, NULL)
        == V3_PREPARE_OK) {
        tell(pixels, start);
    } else {
        printf("nothing drawn\n");
    }
}

void app_main(void)
{
    ESP_ERROR_CHECK(esp_camera_init(&camera));
    for (;;) {
        camera_fb_t *frame = esp_camera_fb_get();

        if (frame != NULL) {
            look(frame);
            esp_camera_fb_return(frame);
        }
        vTaskDelay(pdMS_TO_TICKS(100));
    }
}
