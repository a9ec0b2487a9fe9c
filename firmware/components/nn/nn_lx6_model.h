/* SPDX-License-Identifier: MIT
 *
 * Each LX6 instruction that nn_lx6.h names, in C, as the Xtensa ISA documents
 * it: 16-bit halves that are signed, an accumulator of 40 bits that wraps
 * around, loads that fault where an address is no multiple of their size,
 * products that read their registers before a load writes one. Little-endian
 * machines only.
 */
#ifndef NN_LX6_MODEL_H
#define NN_LX6_MODEL_H

#include <stdint.h>

/* clang-format off */

/* What a block finds in the registers that belong to it: nothing of use. */
#define LX_BLOCK(body, outputs, inputs)             \
    do {                                            \
        uint32_t m0 = 0xDEADBEEFu, m1 = 0xDEADBEEFu; \
        uint32_t m2 = 0xDEADBEEFu, m3 = 0xDEADBEEFu; \
        uint64_t acc = 0xDEADBEEFDEADBEEFu;         \
                                                    \
        body                                        \
        (void)m0;                                   \
        (void)m1;                                   \
        (void)m2;                                   \
        (void)m3;                                   \
        (void)acc;                                  \
    } while (0)
#define LX_INOUT(x) x
#define LX_OUT(x) x
#define LX_IN(x) x

#define LX_U(x) ((uint32_t)(x))
#define LX_S(x) ((int32_t)(uint32_t)(x))
#define LX_SET(d, value) (d) = (uintptr_t)(uint32_t)(value);

static inline uint32_t lx_read(uintptr_t at, uint32_t size)
{
    uint32_t word = 0;

    if (at % size != 0) {
        __builtin_trap(); /* LoadStoreAlignmentCause */
    }
    __builtin_memcpy(&word, (const void *)at, size);
    return word;
}

static inline void lx_write(uintptr_t at, uint32_t size, uint32_t word)
{
    if (at % size != 0) {
        __builtin_trap();
    }
    __builtin_memcpy((void *)at, &word, size);
}

static inline uint32_t lx_clamps(int32_t x, int bits)
{
    const int32_t top = (int32_t)((1u << bits) - 1u);

    return (uint32_t)(x > top ? top : (x < -top - 1 ? -top - 1 : x));
}

static inline uint64_t lx_product(uint32_t x, uint32_t y)
{
    return (uint64_t)((int64_t)(int16_t)(uint16_t)x * (int16_t)(uint16_t)y);
}

/* ==== Arithmetic ==== */

#define LX_ADD(d, s, t) LX_SET(d, LX_U(s) + LX_U(t))
#define LX_ADDX2(d, s, t) LX_SET(d, 2u * LX_U(s) + LX_U(t))
#define LX_ADDX4(d, s, t) LX_SET(d, 4u * LX_U(s) + LX_U(t))
#define LX_ADDX8(d, s, t) LX_SET(d, 8u * LX_U(s) + LX_U(t))
#define LX_SUB(d, s, t) LX_SET(d, LX_U(s) - LX_U(t))
#define LX_SUBX2(d, s, t) LX_SET(d, 2u * LX_U(s) - LX_U(t))
#define LX_SUBX4(d, s, t) LX_SET(d, 4u * LX_U(s) - LX_U(t))
#define LX_SUBX8(d, s, t) LX_SET(d, 8u * LX_U(s) - LX_U(t))
#define LX_AND(d, s, t) LX_SET(d, LX_U(s) & LX_U(t))
#define LX_OR(d, s, t) LX_SET(d, LX_U(s) | LX_U(t))
#define LX_ADDI(d, s, n) LX_SET(d, LX_U(s) + (uint32_t)(n))
#define LX_MOVI(d, n) LX_SET(d, n)
#define LX_MOV(d, s) (d) = (s);
#define LX_SLLI(d, s, n) LX_SET(d, LX_U(s) << (n))
#define LX_SRAI(d, s, n) LX_SET(d, LX_S(s) >> (n))
#define LX_EXTUI(d, s, at, bits) \
    LX_SET(d, (LX_U(s) >> (at)) & ((1u << (bits)) - 1u))
#define LX_MULL(d, s, t) LX_SET(d, LX_U(s) * LX_U(t))
#define LX_MULSH(d, s, t) \
    LX_SET(d, (uint64_t)((int64_t)LX_S(s) * LX_S(t)) >> 32)
#define LX_MAX(d, s, t) LX_SET(d, LX_S(s) > LX_S(t) ? LX_S(s) : LX_S(t))
#define LX_MIN(d, s, t) LX_SET(d, LX_S(s) < LX_S(t) ? LX_S(s) : LX_S(t))
#define LX_CLAMPS(d, s, n) LX_SET(d, lx_clamps(LX_S(s), n))
#define LX_MOVLTZ(d, s, t) (d) = LX_S(t) < 0 ? (s) : (d);

/* ==== Addresses and memory ==== */

#define LX_AT_ADD(d, s, t) (d) = (s) + (uintptr_t)(intptr_t)LX_S(t);
#define LX_AT_ADDI(d, s, n) (d) = (s) + (uintptr_t)(intptr_t)(n);
#define LX_AT_ADDMI(d, s, n) LX_AT_ADDI(d, s, n)
#define LX_L32I(d, s, n) LX_SET(d, lx_read((s) + (n), 4))
#define LX_L16SI(d, s, n) LX_SET(d, (int16_t)(uint16_t)lx_read((s) + (n), 2))
#define LX_L8UI(d, s, n) LX_SET(d, lx_read((s) + (n), 1))
#define LX_S32I(d, s, n) lx_write((s) + (n), 4, LX_U(d));
#define LX_S8I(d, s, n) lx_write((s) + (n), 1, LX_U(d));

/* ==== MAC16 ==== */

#define LX_HALF_ll(x, y) lx_product(LX_U(x), LX_U(y))
#define LX_HALF_lh(x, y) lx_product(LX_U(x), LX_U(y) >> 16)
#define LX_HALF_hl(x, y) lx_product(LX_U(x) >> 16, LX_U(y))
#define LX_HALF_hh(x, y) lx_product(LX_U(x) >> 16, LX_U(y) >> 16)
#define LX_ACC(value) acc = (value) & 0xFFFFFFFFFFu;

#define LX_LDINC(m, at) \
    (at) += 4u;         \
    (m) = lx_read(at, 4);
/* The first factor is in m0 or m1, the second in m2 or m3: others do not
 * compile. */
#define LX_X_m0 m0
#define LX_X_m1 m1
#define LX_Y_m2 m2
#define LX_Y_m3 m3
#define LX_MUL_DD(h, x, y) LX_ACC(LX_HALF_##h(LX_X_##x, LX_Y_##y))
#define LX_MULA_DD(h, x, y) LX_ACC(acc + LX_HALF_##h(LX_X_##x, LX_Y_##y))
#define LX_MULA_DD_LDINC(h, m, at, x, y) LX_MULA_DD(h, x, y) LX_LDINC(m, at)
#define LX_MUL_DA(h, x, t) LX_ACC(LX_HALF_##h(LX_X_##x, t))
#define LX_MULA_DA(h, x, t) LX_ACC(acc + LX_HALF_##h(LX_X_##x, t))
#define LX_MULA_DA_LDINC(h, m, at, x, t) LX_MULA_DA(h, x, t) LX_LDINC(m, at)
#define LX_MUL_AD(h, s, y) LX_ACC(LX_HALF_##h(s, LX_Y_##y))
#define LX_MULA_AD(h, s, y) LX_ACC(acc + LX_HALF_##h(s, LX_Y_##y))
#define LX_MUL_AA(h, s, t) LX_ACC(LX_HALF_##h(s, t))
#define LX_MULA_AA(h, s, t) LX_ACC(acc + LX_HALF_##h(s, t))
#define LX_WSR_ACCLO(s) LX_ACC((acc & 0xFF00000000u) | LX_U(s))
#define LX_RSR_ACCLO(d) LX_SET(d, acc)

/* ==== Loops ==== */

#define LX_LOOP(name, count, body)                                     \
    {                                                                  \
        uint32_t lx_left_##name = LX_U(count);                         \
                                                                       \
        if (lx_left_##name == 0) {                                     \
            __builtin_trap(); /* it would turn 2^32 times */           \
        }                                                              \
        do {                                                           \
            body                                                       \
        } while (--lx_left_##name != 0);                               \
    }
#define LX_REPEAT(name, left, body) \
    do {                            \
        body                        \
    } while (LX_U(left) != 0);

/* clang-format on */

#endif
