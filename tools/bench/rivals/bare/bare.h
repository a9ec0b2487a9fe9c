/* What bare.c wants of a target: rv32imc.c, xtensa.c. */
#ifndef BARE_H
#define BARE_H

#include <stdint.h>

extern uint32_t stack_bottom[];

uint32_t bare_count(void); /* free-running; the reader knows its unit */
void bare_write(const char *text, uint32_t length);
_Noreturn void bare_exit(uint32_t status);
_Noreturn void bare_main(void);

#endif
