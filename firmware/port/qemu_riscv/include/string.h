/* SPDX-License-Identifier: MIT */
/* No C library here: what memory.c has, and no more. */
#ifndef ESP8K_STRING_H
#define ESP8K_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);

#endif
