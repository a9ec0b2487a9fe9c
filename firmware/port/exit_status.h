/* SPDX-License-Identifier: MIT */
/*
 * With what a board that is a process leaves: read by
 * tools/boards/virtual_board.py, which starts it again or gives it up.
 */
#ifndef ESP8K_EXIT_STATUS_H
#define ESP8K_EXIT_STATUS_H

#define EXIT_STATUS_CLOSED 0 /* the line is closed */
#define EXIT_STATUS_RESET 3  /* hal_reset() */
#define EXIT_STATUS_PANIC 4

#endif
