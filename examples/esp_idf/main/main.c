/* SPDX-License-Identifier: MIT
 *
 * Classifies the golden vectors by both engines, once a second, and prints the
 * time of one inference.
 */
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "v3_golden.h"

#include <stdio.h>

static v3_int8_arena_t arena;

void app_main(void);

void app_main(void)
{
    for (;;) {
        int8_t output[V3_OUTPUT_SIZE];
        const int64_t start = esp_timer_get_time();
        const v3_status_t status =
            v3_int8_run(&arena, v3_golden_inputs[0], output);
        const int64_t end = esp_timer_get_time();

        printf("%s %s: status %d, %ld us, golden outputs wrong: %d\n",
               V3_MODEL_NAME, V3_GENERATOR_VERSION, (int)status,
               (long)(end - start), v3_golden_wrong());
        vTaskDelay(pdMS_TO_TICKS(1000));
    }
}
