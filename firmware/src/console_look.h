/* SPDX-License-Identifier: MIT */
/* What a person without a host program asks: `sample` and `stats`. */
#ifndef ESP8K_CONSOLE_LOOK_H
#define ESP8K_CONSOLE_LOOK_H

#include "app_state.h"

/* `*rest` is what stands behind "sample". */
void console_sample(app_t *app, const char **rest);
void console_stats(app_t *app);

#endif
