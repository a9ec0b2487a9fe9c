/* SPDX-License-Identifier: MIT */
/* See app_state.h. */
#include "app_state.h"

#include "hal.h"

void app_write(app_t *app, const uint8_t *bytes, uint32_t length)
{
    if (hal_write(bytes, length) == HAL_CLOSED) {
        app->closed = 1;
    }
}
