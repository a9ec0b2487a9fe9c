/* SPDX-License-Identifier: MIT
 *
 * Inline assembly for the FPU of the classic ESP32's LX6, as nn_lx6.h has it
 * for whole numbers. Registers f0 to f15 and the condition b0 belong to a
 * block and hold nothing between blocks. NN_LX6_MODEL takes each instruction
 * in C. MADD.S rounds once; in these kernels its product is exact anyway.
 */
#ifndef NN_LX6_FPU_H
#define NN_LX6_FPU_H

#include "nn_f16.h"
#include "nn_lx6.h"

#if NN_LX6_FPU

/* clang-format off */

#ifdef NN_LX6_MODEL

#define LX_FPU_BLOCK(body, outputs, inputs)                        \
    do {                                                           \
        float f0 = 1e30f, f1 = f0, f2 = f0, f3 = f0, f4 = f0;      \
        float f5 = f0, f6 = f0, f7 = f0, f8 = f0, f9 = f0;         \
        float f10 = f0, f11 = f0, f12 = f0, f13 = f0, f14 = f0;    \
        float f15 = f0;                                            \
        int b0 = 0;                                                \
                                                                   \
        body                                                       \
        (void)f1; (void)f2; (void)f3; (void)f4; (void)f5;          \
        (void)f6; (void)f7; (void)f8; (void)f9; (void)f10;         \
        (void)f11; (void)f12; (void)f13; (void)f14; (void)f15;     \
        (void)b0;                                                  \
    } while (0)

#define LX_LSI(f, s, n) (f) = nn_float(lx_read((s) + (n), 4));
#define LX_SSI(f, s, n) lx_write((s) + (n), 4, nn_bits(f));
#define LX_MADD(d, s, t) (d) = __builtin_fmaf(s, t, d);
#define LX_MULF(d, s, t) (d) = (s) * (t);
#define LX_ADDF(d, s, t) (d) = (s) + (t);
#define LX_MOVF(d, s) (d) = (s);
#define LX_ABS(d, s) (d) = nn_float(nn_bits(s) & 0x7FFFFFFFu);
#define LX_OLT(s, t) b0 = (s) < (t);
#define LX_MOVT(d, s) (d) = b0 ? (s) : (d);
#define LX_RFR(d, f) LX_SET(d, nn_bits(f))
#define LX_WFR(f, s) (f) = nn_float(LX_U(s));
#define LX_FLOAT(f, s) (f) = (float)LX_S(s);

#else

#define LX_FPU_BLOCK(body, outputs, inputs)                              \
    __asm__ volatile(body : LX_LIST outputs                              \
                     : LX_LIST inputs                                    \
                     : "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7",   \
                       "f8", "f9", "f10", "f11", "f12", "f13", "f14",    \
                       "f15", "b0", "memory")

#define LX_LSI(f, s, n) LX_I("lsi " #f ", " LX_R(s) ", " #n)
#define LX_SSI(f, s, n) LX_I("ssi " #f ", " LX_R(s) ", " #n)
#define LX_MADD(d, s, t) LX_I("madd.s " #d ", " #s ", " #t)
#define LX_MULF(d, s, t) LX_I("mul.s " #d ", " #s ", " #t)
#define LX_ADDF(d, s, t) LX_I("add.s " #d ", " #s ", " #t)
#define LX_MOVF(d, s) LX_I("mov.s " #d ", " #s)
#define LX_ABS(d, s) LX_I("abs.s " #d ", " #s)
#define LX_OLT(s, t) LX_I("olt.s b0, " #s ", " #t)
#define LX_MOVT(d, s) LX_I("movt.s " #d ", " #s ", b0")
#define LX_RFR(d, f) LX_I("rfr " LX_R(d) ", " #f)
#define LX_WFR(f, s) LX_I("wfr " #f ", " LX_R(s))
#define LX_FLOAT(f, s) LX_I("float.s " #f ", " LX_R(s) ", 0")

#endif

/* clang-format on */

#endif
#endif
