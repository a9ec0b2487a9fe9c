/* SPDX-License-Identifier: MIT */
/* libgcc's names on the target; test names on a host that has its own. */
#ifndef ESP8K_RUNTIME_H
#define ESP8K_RUNTIME_H

#include <stdint.h>

#ifdef ESP8K_RUNTIME_TEST
#define RUNTIME(name) esp8k_test_##name
#else
#define RUNTIME(name) __##name
#endif

/* On the target a float is passed in an integer register, on the host it is
 * not: the functions below take and give the bits through this union. */
typedef union {
    float value;
    uint32_t bits;
} float_bits_t;

uint64_t RUNTIME(umulsidi3)(uint32_t a, uint32_t b);
int64_t RUNTIME(muldi3)(int64_t a, int64_t b);
uint32_t RUNTIME(udivsi3)(uint32_t n, uint32_t d);
uint32_t RUNTIME(umodsi3)(uint32_t n, uint32_t d);
int32_t RUNTIME(divsi3)(int32_t n, int32_t d);
int32_t RUNTIME(modsi3)(int32_t n, int32_t d);
uint64_t RUNTIME(udivdi3)(uint64_t n, uint64_t d);
uint64_t RUNTIME(umoddi3)(uint64_t n, uint64_t d);
int64_t RUNTIME(divdi3)(int64_t n, int64_t d);

float RUNTIME(addsf3)(float a, float b);
float RUNTIME(subsf3)(float a, float b);
float RUNTIME(mulsf3)(float a, float b);
float RUNTIME(floatsisf)(int32_t value);
float RUNTIME(floatunsisf)(uint32_t value);
uint32_t RUNTIME(fixunssfsi)(float value);

#endif
