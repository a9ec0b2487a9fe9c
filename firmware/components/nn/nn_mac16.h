/* SPDX-License-Identifier: MIT
 *
 * The inner product of int8 layers on a core with Xtensa's MAC16 option, as the
 * classic ESP32 and the S2 have it: one instruction multiplies, adds and loads.
 *
 * Bytes u and weights become pairs of int16 in 32-bit words; ACC has 40 bits
 * and never saturates, its low 32 are what int32 arithmetic gives. Where
 * nn_common.h finds no such option, NN_MAC16 is 0 and the portable loops are
 * compiled.
 *
 * Debian's lx106 assembler does not know these instructions: inline assembly
 * has never been assembled in this repository. What runs in its tests is the
 * same kernel over a C model of each instruction (NN_MAC16_MODEL names it).
 */
#ifndef NN_MAC16_H
#define NN_MAC16_H

#include "nn_common.h"

#include <stdint.h>

#if NN_MAC16

/* LDINC adds 4 to the address, then loads from it; MULA reads its registers
 * before LDINC writes one. mx is m0 or m1, my is m2 or m3. L is bits 15..0. */
#if defined(NN_MAC16_MODEL) && !defined(__cppcheck__)
#include NN_MAC16_MODEL
#else
#define NN_ACC_CLEAR() \
    __asm__ volatile("wsr.acclo %0\n\twsr.acchi %0" : : "a"(0) : "acc")
#define NN_ACC_LOW(to) __asm__ volatile("rsr.acclo %0" : "=a"(to) : : "acc")
#define NN_LDINC(mw, at) \
    __asm__ volatile("ldinc " #mw ", %0" : "+a"(at) : : "memory")
#define NN_MULA_DD(halves, mx, my) \
    __asm__ volatile("mula.dd." #halves " " #mx ", " #my : : : "acc")
#define NN_MULA_DD_LDINC(halves, mw, at, mx, my)                            \
    __asm__ volatile("mula.dd." #halves ".ldinc " #mw ", %0, " #mx ", " #my \
                     : "+a"(at)                                             \
                     :                                                      \
                     : "acc", "memory")
#endif

/* Four products; the next four operands are loaded meanwhile. */
#define NN_MAC16_STEP(v, w)              \
    NN_MULA_DD_LDINC(ll, m1, v, m0, m2); \
    NN_MULA_DD_LDINC(hh, m3, w, m0, m2); \
    NN_MULA_DD_LDINC(ll, m0, v, m1, m3); \
    NN_MULA_DD_LDINC(hh, m2, w, m1, m3)

/* The sum of 2 * pairs products; both operands lie on a multiple of 4. No other
 * arithmetic is in here, lest the compiler use ACC for something else. */
NN_LAYER int32_t nn_mac16_dot(const int16_t *values, const int16_t *weights,
                              int32_t pairs)
{
    uintptr_t v = (uintptr_t)values - 4u;
    uintptr_t w = (uintptr_t)weights - 4u;
    uint32_t sum;

    NN_ACC_CLEAR();
    NN_LDINC(m0, v);
    NN_LDINC(m2, w);
    for (; pairs > 8; pairs -= 8) {
        NN_MAC16_STEP(v, w);
        NN_MAC16_STEP(v, w);
        NN_MAC16_STEP(v, w);
        NN_MAC16_STEP(v, w);
    }
    for (; pairs > 2; pairs -= 2) {
        NN_MAC16_STEP(v, w);
    }
    if (pairs == 2) {
        NN_MULA_DD_LDINC(ll, m1, v, m0, m2);
        NN_MULA_DD_LDINC(hh, m3, w, m0, m2);
        NN_MULA_DD(ll, m1, m3);
        NN_MULA_DD(hh, m1, m3);
    } else {
        NN_MULA_DD(ll, m0, m2);
        NN_MULA_DD(hh, m0, m2);
    }
    NN_ACC_LOW(sum);
    return (int32_t)sum;
}

/* The bytes under a kernel, one after the other, as int16: `rows` rows of
 * `segments` runs of `count` bytes; a zero behind an odd number of them. */
NN_INLINE void nn_mac16_gather(int16_t *to, const uint8_t *from, int32_t rows,
                               int32_t pitch, int32_t segments, int32_t step,
                               int32_t count)
{
    for (int32_t y = 0; y < rows; ++y, from += pitch) {
        const uint8_t *run = from;

        for (int32_t x = 0; x < segments; ++x, run += step) {
            for (int32_t k = 0; k < count; ++k) {
                *to++ = run[k];
            }
        }
    }
    if (rows * segments * count % 2 != 0) {
        *to = 0;
    }
}

#endif
#endif
