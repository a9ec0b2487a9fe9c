/* SPDX-License-Identifier: MIT */
/* `infer` and `results`. */
#ifndef ESP8K_CONSOLE_INFER_H
#define ESP8K_CONSOLE_INFER_H

#include "app_state.h"

/* `*rest` is what stands behind "infer". */
void console_infer(app_t *app, const char **rest);
void console_results(app_t *app);

#endif
