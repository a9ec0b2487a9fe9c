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

/* One command, without its '%'. Always ends in "m-ready". */
void console_run(app_t *app, const char *command);
void console_too_long(app_t *app);
/* "m-lap-us-N" */
void console_timestamp(app_t *app);
/* "m-ready"; the boot's is preceded by "m-init-done". */
void console_ready(app_t *app, int boot);

#endif
