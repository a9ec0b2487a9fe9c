/* SPDX-License-Identifier: MIT */
/*
 * The text dialect: the device side of MLPerf Tiny's monitor (mlcommons/tiny,
 * benchmark/api), so that its stock runner can drive this firmware. Strings
 * and order are theirs; the two holes of their buffer (a load larger than the
 * buffer, db before load) are errors here that change nothing.
 */
#ifndef ESP8K_CONSOLE_H
#define ESP8K_CONSOLE_H

#include "app_state.h"

typedef enum { CONSOLE_KNOWN, CONSOLE_UNKNOWN } console_status_t;

/* One command, without its end. Its answer always ends in "m-ready". */
console_status_t console_run(app_t *app, const char *command);
void console_too_long(app_t *app);
/* "m-ready"; the boot's is preceded by "m-init-done". */
void console_ready(app_t *app, int boot);

#endif
