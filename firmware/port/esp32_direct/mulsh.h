/* SPDX-License-Identifier: MIT */
/* How often mulsh.S stood in for an instruction, and what that costs each time. */
#ifndef ESP8K_MULSH_H
#define ESP8K_MULSH_H

#include <stdint.h>

#define MULSH_TRAP_INSTRUCTIONS 100u /* more than MULSH itself, always */

extern volatile uint32_t mulsh_state[17]; /* registers; the last counts */

static inline uint32_t mulsh_traps(void)
{
    return mulsh_state[16];
}

#endif
