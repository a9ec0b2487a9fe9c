/* SPDX-License-Identifier: MIT
 * Models of the ESP32-S3's vector instructions (PIE) that our kernels use.
 *
 * As documented: addresses are rounded down silently, sums saturate, what
 * loads beside a sum does the sum first, SRCMB writes the shifted value back
 * to QACC. QACC is kept as eight lanes of 40 bits; each is two of 20 bits to
 * the instructions of bytes.
 *
 * PIE_SYMMETRIC: lanes saturate to -(2^n - 1), as an emulator has it. Our
 * kernels must give the same bits either way.
 */
#ifndef PIE_MODEL_H
#define PIE_MODEL_H

#include <stdint.h>
#include <string.h>

#ifndef PIE_SYMMETRIC
#define PIE_SYMMETRIC 0
#endif

typedef union {
    int8_t s8[16];
    uint8_t u8[16];
    int16_t s16[8];
    uint16_t u16[8];
    int32_t s32[4];
    uint32_t u32[4];
    uint64_t u64[2];
} pie_q_t;

typedef struct {
    pie_q_t q[8];
    int64_t qacc[8]; /* lanes of 40 bits, sign-extended */
    int64_t accx;    /* 40 bits, sign-extended */
    int64_t sar_byte;
} pie_t;

enum { q0, q1, q2, q3, q4, q5, q6, q7 };

/* What the registers hold before anybody has set them. */
#define PIE_ANY                                                          \
    {                                                                    \
        {{{90, -91, 77, 3, 90, -91, 77, 3, 90, -91, 77, 3, 9, -9, 7, 3}}, \
         {{-128, 127}}, {{1, 2, 3}}, {{99}}, {{-77}}, {{55}}, {{-1}},    \
         {{42, -42}}},                                                   \
        {12345, -777, 5, 6, -7, 8, 9, 10}, -98765, 11                    \
    }

static inline int64_t pie_between(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

/* To a signed lane of so many bits. */
static inline int64_t pie_saturated(int64_t x, int32_t bits)
{
    const int64_t high = ((int64_t)1 << (bits - 1)) - 1;

    return pie_between(x, PIE_SYMMETRIC ? -high : -high - 1, high);
}

static inline int64_t pie_signed(int64_t x, int32_t bits)
{
    return (int64_t)((uint64_t)x << (64 - bits)) >> (64 - bits);
}

/* ==== Memory ==== */

static inline uint8_t *pie_at(int64_t address, int64_t unit)
{
    return (uint8_t *)(intptr_t)(address & -unit);
}

static inline int64_t pie_vld(pie_t *p, int q, int64_t at, int64_t step)
{
    memcpy(&p->q[q], pie_at(at, 16), 16);
    return at + step;
}

static inline int64_t pie_vst(pie_t *p, int q, int64_t at, int64_t step)
{
    memcpy(pie_at(at, 16), &p->q[q], 16);
    return at + step;
}

static inline int64_t pie_vld_l(pie_t *p, int q, int64_t at, int64_t step)
{
    memcpy(&p->q[q].u64[0], pie_at(at, 8), 8);
    return at + step;
}

static inline int64_t pie_vld_h(pie_t *p, int q, int64_t at, int64_t step)
{
    memcpy(&p->q[q].u64[1], pie_at(at, 8), 8);
    return at + step;
}

static inline int64_t pie_vst_l(pie_t *p, int q, int64_t at, int64_t step)
{
    memcpy(pie_at(at, 8), &p->q[q].u64[0], 8);
    return at + step;
}

static inline int64_t pie_vst_h(pie_t *p, int q, int64_t at, int64_t step)
{
    memcpy(pie_at(at, 8), &p->q[q].u64[1], 8);
    return at + step;
}

static inline int64_t pie_usar(pie_t *p, int q, int64_t at, int64_t step)
{
    p->sar_byte = at & 15;
    return pie_vld(p, q, at, step);
}

static inline void pie_ldbc8(pie_t *p, int q, int64_t at)
{
    memset(&p->q[q], *pie_at(at, 1), 16);
}

static inline int64_t pie_st_accx(pie_t *p, int64_t at, int64_t step)
{
    memcpy(pie_at(at, 8), &p->accx, 8);
    return at + step;
}

/* `count` of the 20 bytes of a half of QACC, from the byte `first`. */
static inline int64_t pie_st_qacc(pie_t *p, int half, int first, int count,
                                  int64_t at, int64_t step)
{
    uint8_t bytes[20];

    for (int i = 0; i < 20; ++i) {
        bytes[i] = (uint8_t)(p->qacc[4 * half + i / 5] >> (8 * (i % 5)));
    }
    memcpy(pie_at(at, count), bytes + first, (size_t)count);
    return at + step;
}

/* ==== Registers ==== */

static inline void pie_zero(pie_t *p, int q)
{
    memset(&p->q[q], 0, 16);
}

static inline void pie_zero_qacc(pie_t *p)
{
    memset(p->qacc, 0, sizeof p->qacc);
}

#define PIE_BITWISE(name, op)                                     \
    static inline void pie_##name(pie_t *p, int z, int x, int y)  \
    {                                                             \
        for (int i = 0; i < 2; ++i) {                             \
            p->q[z].u64[i] = p->q[x].u64[i] op p->q[y].u64[i];    \
        }                                                         \
    }
PIE_BITWISE(and, &)
PIE_BITWISE(or, |)
PIE_BITWISE(xor, ^)

static inline void pie_vsl_32(pie_t *p, int z, int x, int64_t by)
{
    for (int i = 0; i < 4; ++i) {
        p->q[z].u32[i] = p->q[x].u32[i] << by;
    }
}

static inline void pie_vsr_32(pie_t *p, int z, int x, int64_t by)
{
    for (int i = 0; i < 4; ++i) {
        p->q[z].s32[i] = p->q[x].s32[i] >> by;
    }
}

/* z = the 16 bytes of y:x from the byte SAR_BYTE. */
static inline void pie_src(pie_t *p, int z, int x, int y)
{
    uint8_t both[32];

    memcpy(both, &p->q[x], 16);
    memcpy(both + 16, &p->q[y], 16);
    memcpy(&p->q[z], both + p->sar_byte, 16);
}

#define PIE_ZIP(bits)                                                  \
    static inline void pie_zip_##bits(pie_t *p, int a, int b)          \
    {                                                                  \
        const pie_q_t x = p->q[a], y = p->q[b];                        \
        const int half = 64 / bits;                                    \
                                                                       \
        for (int i = 0; i < half; ++i) {                               \
            p->q[a].u##bits[2 * i] = x.u##bits[i];                     \
            p->q[a].u##bits[2 * i + 1] = y.u##bits[i];                 \
            p->q[b].u##bits[2 * i] = x.u##bits[half + i];              \
            p->q[b].u##bits[2 * i + 1] = y.u##bits[half + i];          \
        }                                                              \
    }                                                                  \
    static inline void pie_unzip_##bits(pie_t *p, int a, int b)        \
    {                                                                  \
        const pie_q_t x = p->q[a], y = p->q[b];                        \
        const int half = 64 / bits;                                    \
                                                                       \
        for (int i = 0; i < half; ++i) {                               \
            p->q[a].u##bits[i] = x.u##bits[2 * i];                     \
            p->q[a].u##bits[half + i] = y.u##bits[2 * i];              \
            p->q[b].u##bits[i] = x.u##bits[2 * i + 1];                 \
            p->q[b].u##bits[half + i] = y.u##bits[2 * i + 1];          \
        }                                                              \
    }
PIE_ZIP(8)
PIE_ZIP(16)
PIE_ZIP(32)

/* ==== Lane by lane ==== */

#define PIE_LANES(bits)                                                    \
    static inline void pie_vadds_s##bits(pie_t *p, int z, int x, int y)    \
    {                                                                      \
        for (int i = 0; i < 128 / bits; ++i) {                             \
            const int64_t sum =                                            \
                (int64_t)p->q[x].s##bits[i] + p->q[y].s##bits[i];          \
            p->q[z].s##bits[i] = (int##bits##_t)pie_saturated(sum, bits);  \
        }                                                                  \
    }                                                                      \
    static inline void pie_vsubs_s##bits(pie_t *p, int z, int x, int y)    \
    {                                                                      \
        for (int i = 0; i < 128 / bits; ++i) {                             \
            const int64_t sum =                                            \
                (int64_t)p->q[x].s##bits[i] - p->q[y].s##bits[i];          \
            p->q[z].s##bits[i] = (int##bits##_t)pie_saturated(sum, bits);  \
        }                                                                  \
    }                                                                      \
    static inline void pie_vmax_s##bits(pie_t *p, int z, int x, int y)     \
    {                                                                      \
        for (int i = 0; i < 128 / bits; ++i) {                             \
            const int##bits##_t a = p->q[x].s##bits[i];                    \
            const int##bits##_t b = p->q[y].s##bits[i];                    \
            p->q[z].s##bits[i] = a > b ? a : b;                            \
        }                                                                  \
    }                                                                      \
    static inline void pie_vmin_s##bits(pie_t *p, int z, int x, int y)     \
    {                                                                      \
        for (int i = 0; i < 128 / bits; ++i) {                             \
            const int##bits##_t a = p->q[x].s##bits[i];                    \
            const int##bits##_t b = p->q[y].s##bits[i];                    \
            p->q[z].s##bits[i] = a < b ? a : b;                            \
        }                                                                  \
    }
PIE_LANES(8)
PIE_LANES(16)
PIE_LANES(32)

/* The low 16 bits of the product shifted right by SAR. */
static inline void pie_vmul_s16(pie_t *p, int z, int x, int y, int64_t by)
{
    for (int i = 0; i < 8; ++i) {
        p->q[z].s16[i] = (int16_t)((p->q[x].s16[i] * p->q[y].s16[i]) >> by);
    }
}

#define PIE_COMPARE(name, op)                                            \
    static inline void pie_vcmp_##name##_s16(pie_t *p, int z, int x,     \
                                             int y)                      \
    {                                                                    \
        for (int i = 0; i < 8; ++i) {                                    \
            p->q[z].s16[i] =                                             \
                p->q[x].s16[i] op p->q[y].s16[i] ? (int16_t)-1 : 0;      \
        }                                                                \
    }
PIE_COMPARE(lt, <)
PIE_COMPARE(gt, >)
PIE_COMPARE(eq, ==)

/* ==== Sums of products ==== */

static inline void pie_vmulas_s8_accx(pie_t *p, int x, int y)
{
    int32_t sum = 0;

    for (int i = 0; i < 16; ++i) {
        sum += p->q[x].s8[i] * p->q[y].s8[i];
    }
    p->accx = pie_saturated(p->accx + sum, 40);
}

static inline void pie_vmulas_s8_qacc(pie_t *p, int x, int y)
{
    for (int i = 0; i < 8; ++i) {
        const int64_t old = p->qacc[i];
        const int64_t low = pie_saturated(
            pie_signed(old, 20) + p->q[x].s8[2 * i] * p->q[y].s8[2 * i], 20);
        const int64_t high = pie_saturated(
            (old >> 20) + p->q[x].s8[2 * i + 1] * p->q[y].s8[2 * i + 1], 20);

        p->qacc[i] = (int64_t)((uint64_t)high << 20) | (low & 0xFFFFF);
    }
}

static inline void pie_vmulas_s16_qacc(pie_t *p, int x, int y)
{
    for (int i = 0; i < 8; ++i) {
        const int64_t product = (int64_t)p->q[x].s16[i] * p->q[y].s16[i];

        p->qacc[i] = pie_saturated(p->qacc[i] + product, 40);
    }
}

/* QACC's lanes are unsigned here. */
static inline void pie_vmulas_u16_qacc(pie_t *p, int x, int y)
{
    for (int i = 0; i < 8; ++i) {
        const int64_t product = (int64_t)p->q[x].u16[i] * p->q[y].u16[i];
        const int64_t old = p->qacc[i] & 0xFFFFFFFFFF;

        p->qacc[i] = pie_signed(pie_between(old + product, 0, 0xFFFFFFFFFF), 40);
    }
}

static inline void pie_srcmb_s16(pie_t *p, int z, int32_t by)
{
    for (int i = 0; i < 8; ++i) {
        p->qacc[i] >>= by & 63;
        p->q[z].s16[i] = (int16_t)pie_between(p->qacc[i], -32768, 32767);
    }
}

#endif
