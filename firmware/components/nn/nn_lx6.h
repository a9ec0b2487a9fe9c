/* SPDX-License-Identifier: MIT
 *
 * Inline assembly for the LX6 core of the classic ESP32 and the S2: MAC16,
 * MULSH, CLAMPS, MIN and MAX, zero-overhead loops.
 *
 * A kernel is one block of instructions, each written as a macro:
 *
 *     LX_BLOCK(
 *         LX_L32I(x, w, 4)
 *         LX_MULSH(y, y, x),
 *         (LX_INOUT(y), LX_OUT(x)), (LX_IN(w)))
 *
 * On the core the macros are text for the assembler. Where NN_LX6_MODEL is
 * defined they are the C model of each instruction (nn_lx6_model.h), so that
 * the very same text runs on every machine. Operands are variables of type
 * uintptr_t; numbers are their low 32 bits. Registers m0 to m3 and ACC belong
 * to a block and hold nothing between blocks.
 */
#ifndef NN_LX6_H
#define NN_LX6_H

#include "nn_common.h"

#include <stdint.h>

#if NN_LX6

/* Instructions are neither statements nor expressions to clang-format. */
/* clang-format off */

#define LX_LIST(...) __VA_ARGS__

#ifdef NN_LX6_MODEL
#include "nn_lx6_model.h"
#else

/* ISO C does not promise strings as long as a block's. */
#pragma GCC diagnostic ignored "-Woverlength-strings"

#define LX_BLOCK(body, outputs, inputs)               \
    __asm__ volatile(body : LX_LIST outputs           \
                     : LX_LIST inputs : "acc", "memory")
#define LX_INOUT(x) [x] "+&a"(x)
#define LX_OUT(x) [x] "=&a"(x)
#define LX_IN(x) [x] "a"(x)

#define LX_R(x) "%[" #x "]"
#define LX_I(...) __VA_ARGS__ "\n\t"

/* ==== Arithmetic ==== */

#define LX_ADD(d, s, t) LX_I("add " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_ADDX2(d, s, t) LX_I("addx2 " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_ADDX4(d, s, t) LX_I("addx4 " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_ADDX8(d, s, t) LX_I("addx8 " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_SUB(d, s, t) LX_I("sub " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_SUBX2(d, s, t) LX_I("subx2 " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_SUBX4(d, s, t) LX_I("subx4 " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_SUBX8(d, s, t) LX_I("subx8 " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_AND(d, s, t) LX_I("and " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_OR(d, s, t) LX_I("or " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_ADDI(d, s, n) LX_I("addi " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_MOVI(d, n) LX_I("movi " LX_R(d) ", " #n)
#define LX_MOV(d, s) LX_I("mov " LX_R(d) ", " LX_R(s))
#define LX_SLLI(d, s, n) LX_I("slli " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_SRAI(d, s, n) LX_I("srai " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_EXTUI(d, s, at, bits) \
    LX_I("extui " LX_R(d) ", " LX_R(s) ", " #at ", " #bits)
#define LX_MULL(d, s, t) LX_I("mull " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_MULSH(d, s, t) LX_I("mulsh " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_MAX(d, s, t) LX_I("max " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_MIN(d, s, t) LX_I("min " LX_R(d) ", " LX_R(s) ", " LX_R(t))
#define LX_CLAMPS(d, s, n) LX_I("clamps " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_MOVLTZ(d, s, t) LX_I("movltz " LX_R(d) ", " LX_R(s) ", " LX_R(t))

/* ==== Addresses and memory ==== */

#define LX_AT_ADD(d, s, t) LX_ADD(d, s, t)
#define LX_AT_ADDI(d, s, n) LX_ADDI(d, s, n)
#define LX_AT_ADDMI(d, s, n) LX_I("addmi " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_L32I(d, s, n) LX_I("l32i " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_L16SI(d, s, n) LX_I("l16si " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_L8UI(d, s, n) LX_I("l8ui " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_S32I(d, s, n) LX_I("s32i " LX_R(d) ", " LX_R(s) ", " #n)
#define LX_S8I(d, s, n) LX_I("s8i " LX_R(d) ", " LX_R(s) ", " #n)

/* ==== MAC16 ==== */

/* LDINC adds 4 to the address, then loads from it. A product reads its
 * registers before the load writes one. `h` says which halves; m0 and m1 are
 * first factors, m2 and m3 second ones. */
#define LX_LDINC(m, at) LX_I("ldinc " #m ", " LX_R(at))
#define LX_MUL_DD(h, x, y) LX_I("mul.dd." #h " " #x ", " #y)
#define LX_MULA_DD(h, x, y) LX_I("mula.dd." #h " " #x ", " #y)
#define LX_MULA_DD_LDINC(h, m, at, x, y) \
    LX_I("mula.dd." #h ".ldinc " #m ", " LX_R(at) ", " #x ", " #y)
#define LX_MUL_DA(h, x, t) LX_I("mul.da." #h " " #x ", " LX_R(t))
#define LX_MULA_DA(h, x, t) LX_I("mula.da." #h " " #x ", " LX_R(t))
#define LX_MULA_DA_LDINC(h, m, at, x, t) \
    LX_I("mula.da." #h ".ldinc " #m ", " LX_R(at) ", " #x ", " LX_R(t))
#define LX_MUL_AD(h, s, y) LX_I("mul.ad." #h " " LX_R(s) ", " #y)
#define LX_MULA_AD(h, s, y) LX_I("mula.ad." #h " " LX_R(s) ", " #y)
#define LX_MUL_AA(h, s, t) LX_I("mul.aa." #h " " LX_R(s) ", " LX_R(t))
#define LX_MULA_AA(h, s, t) LX_I("mula.aa." #h " " LX_R(s) ", " LX_R(t))
#define LX_WSR_ACCLO(s) LX_I("wsr.acclo " LX_R(s))
#define LX_RSR_ACCLO(d) LX_I("rsr.acclo " LX_R(d))

/* ==== Loops ==== */

/* The body `count` times, at least once; 256 bytes at most, no jump in it. */
#define LX_LOOP(name, count, body)                           \
    LX_I("loop " LX_R(count) ", .Lx_" #name "%=")            \
    body                                                     \
    LX_I(".Lx_" #name "%=:")
/* The body, until `left` is 0 at its end; the body sets it. */
#define LX_REPEAT(name, left, body)                          \
    LX_I(".Lx_" #name "%=:")                                 \
    body                                                     \
    LX_I("bnez " LX_R(left) ", .Lx_" #name "%=")

#endif

/* ==== Bytes to pairs ==== */

#define LX_HELPER static __attribute__((noinline, unused))

/* `count` bytes (an even number) as int16, two in a word. */
LX_HELPER void nn_lx6_widen(uint32_t *to, const uint8_t *from, int32_t count)
{
    uintptr_t p = (uintptr_t)from, q = (uintptr_t)to, a, b, c, d;
    const uintptr_t n = (uintptr_t)count / 4u;

    if (n != 0) {
        LX_BLOCK(
            LX_LOOP(quads, n,
                LX_L8UI(a, p, 0) LX_L8UI(b, p, 1)
                LX_L8UI(c, p, 2) LX_L8UI(d, p, 3)
                LX_SLLI(b, b, 16) LX_SLLI(d, d, 16)
                LX_OR(a, a, b) LX_OR(c, c, d)
                LX_S32I(a, q, 0) LX_S32I(c, q, 4)
                LX_AT_ADDI(p, p, 4) LX_AT_ADDI(q, q, 8)),
            (LX_INOUT(p), LX_INOUT(q), LX_OUT(a), LX_OUT(b), LX_OUT(c),
             LX_OUT(d)),
            (LX_IN(n)));
    }
    if (count % 4 != 0) {
        to[count / 2 - 1] = from[count - 2] | (uint32_t)from[count - 1] << 16;
    }
}

LX_HELPER uint32_t *nn_lx6_fill(uint32_t *to, int32_t count, uint32_t fill)
{
    while (--count >= 0) {
        *to++ = fill;
    }
    return to;
}

/* Rows y, y + 1, ... of `depth` channels from column x on, as pairs of int16:
 * `wide` columns, rows `step` words apart; `fill` stands where there is no
 * input. An odd number of channels gets one more, of no meaning. */
LX_HELPER void nn_lx6_rows(uint32_t *to, int32_t step, const uint8_t *in,
                           int32_t height, int32_t width, int32_t pitch,
                           int32_t depth, int32_t y, int32_t rows, int32_t x,
                           int32_t wide, uint32_t fill)
{
    const int32_t column = (depth + 1) / 2;
    const int32_t first = nn_min(nn_max(-x, 0), wide);
    const int32_t end = nn_max(nn_min(width - x, wide), first);

    fill |= fill << 16;
    for (const int32_t last = y + rows; y < last; ++y, to += step) {
        const uint8_t *from = in + y * pitch + (x + first) * depth;
        uint32_t *at = to;

        if (y < 0 || y >= height) {
            nn_lx6_fill(to, wide * column, fill);
            continue;
        }
        at = nn_lx6_fill(at, first * column, fill);
        if (depth % 2 == 0) {
            nn_lx6_widen(at, from, (end - first) * depth);
            at += (end - first) * column;
        } else {
            for (int32_t k = first; k < end; ++k, from += depth) {
                for (int32_t c = 0; c < depth - 1; c += 2) {
                    *at++ = from[c] | (uint32_t)from[c + 1] << 16;
                }
                *at++ = from[depth - 1];
            }
        }
        nn_lx6_fill(at, (wide - end) * column, fill);
    }
}

/* The same for a single channel, whose pixels stand side by side; rows end with
 * one more pixel, of no meaning, where their number is odd. */
LX_HELPER void nn_lx6_pixels(uint32_t *to, int32_t step, const uint8_t *in,
                             int32_t height, int32_t width, int32_t pitch,
                             int32_t y, int32_t rows, int32_t x, int32_t wide,
                             uint32_t fill)
{
    const int32_t first = nn_min(nn_max(-x, 0), wide);
    const int32_t end = nn_max(nn_min(width - x, wide), first);

    for (const int32_t last = y + rows; y < last; ++y, to += step) {
        const uint8_t *from = in + y * pitch + x + first;
        uint16_t *at = (uint16_t *)(void *)to;

        if (y < 0 || y >= height) {
            nn_lx6_fill(to, step, fill | fill << 16);
            continue;
        }
        if (first == 0 && end == wide) {
            nn_lx6_widen(to, from, wide & ~1);
            if (wide % 2 != 0) {
                at[wide - 1] = from[wide - 1];
                at[wide] = 0;
            }
            continue;
        }
        for (int32_t k = 0; k < 2 * step; ++k) {
            at[k] = (uint16_t)(k < first || k >= end ? fill : *from++);
        }
    }
}

/* The same of one channel among `depth`: `in` is its first byte. */
LX_HELPER void nn_lx6_plane(uint32_t *to, int32_t step, const uint8_t *in,
                            int32_t height, int32_t width, int32_t pitch,
                            int32_t depth, int32_t y, int32_t rows, int32_t x,
                            int32_t wide, uint32_t fill)
{
    const int32_t first = nn_min(nn_max(-x, 0), wide);
    const int32_t end = nn_max(nn_min(width - x, wide), first);
    const int32_t odd = first & 1;
    const uintptr_t n = (uintptr_t)((end - first - odd) / 2);
    const uintptr_t j = (uintptr_t)depth;

    for (const int32_t last = y + rows; y < last; ++y, to += step) {
        uint16_t *at = (uint16_t *)(void *)to;
        const int32_t from = y * pitch + (x + first) * depth;
        uintptr_t p = (uintptr_t)in + (uintptr_t)from;
        uintptr_t q = (uintptr_t)(at + first + odd), a, b;
        int32_t k = first;

        if (y < 0 || y >= height) {
            nn_lx6_fill(to, step, fill | fill << 16);
            continue;
        }
        for (int32_t i = 0; i < first; ++i) {
            at[i] = (uint16_t)fill;
        }
        if (odd != 0 && k < end) {
            at[k++] = *(const uint8_t *)p;
            p += j;
        }
        if (n != 0) {
            LX_BLOCK(
                LX_LOOP(pixels, n,
                    LX_L8UI(a, p, 0) LX_AT_ADD(p, p, j)
                    LX_L8UI(b, p, 0) LX_AT_ADD(p, p, j)
                    LX_SLLI(b, b, 16) LX_OR(a, a, b)
                    LX_S32I(a, q, 0) LX_AT_ADDI(q, q, 4)),
                (LX_INOUT(p), LX_INOUT(q), LX_OUT(a), LX_OUT(b)),
                (LX_IN(n), LX_IN(j)));
            k += 2 * (int32_t)n;
        }
        if (k < end) {
            at[k++] = *(const uint8_t *)p;
        }
        for (; k < 2 * step; ++k) {
            at[k] = (uint16_t)fill;
        }
    }
}

/* clang-format on */

#endif
#endif
