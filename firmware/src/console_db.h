/* SPDX-License-Identifier: MIT */
/* `db`: the image buffer by text. */
#ifndef ESP8K_CONSOLE_DB_H
#define ESP8K_CONSOLE_DB_H

#include "app_state.h"

/* `*rest` is what stands behind "db". */
void console_db(app_t *app, const char **rest);

#endif
