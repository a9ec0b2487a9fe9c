/* What the measured programs use of string.h on a core without a C library. */
#ifndef BENCH_STRING_H
#define BENCH_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);

#endif
