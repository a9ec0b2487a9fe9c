/* SPDX-License-Identifier: MIT
 *
 * What all kernels need: how layers and their inner blocks are inlined, the
 * larger and the smaller of two.
 *
 * Every generated network has its own copy of these headers. All they define is
 * static and begins with nn_ or NN_; NN_VERSION tells two versions apart.
 */
#ifndef NN_COMMON_H
#define NN_COMMON_H

#include "nn_core.h"

#include <stdint.h>

#define NN_VERSION 200 /* 0.2.0 */

/* ==== What the bits depend on ==== */

/* A negative number of elements where a compiler does otherwise. */
typedef char nn_shifts_are_arithmetic[((int32_t)-3 >> 1) == -2 ? 1 : -1];
typedef char nn_casts_wrap[(int32_t)0x80000001u == -0x7FFFFFFF ? 1 : -1];
typedef char nn_int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

/* ==== How the compiler is told ==== */

/* The sources are C99 that a C++ compiler takes too. */
#ifdef __cplusplus
#define restrict __restrict
#endif

#if defined(__GNUC__)
/* A layer stays a function: its loops get all registers to themselves. */
#define NN_LAYER static __attribute__((noinline))
#define NN_INLINE static inline __attribute__((always_inline))
/* What is rarely needed and must not take its caller's registers. */
#define NN_RARE static __attribute__((noinline, unused))
#else
#define NN_LAYER static
#define NN_INLINE static inline
#define NN_RARE static inline
#endif

NN_INLINE int32_t nn_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

NN_INLINE int32_t nn_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

#endif
