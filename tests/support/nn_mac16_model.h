/* Each MAC16 instruction that nn_mac16.h uses, in C: registers m0 to m3 of 32 bits
 * and a 40-bit accumulator that wraps around. `at` is an address. */
#ifndef NN_MAC16_MODEL_H
#define NN_MAC16_MODEL_H

#include <stdint.h>
#include <string.h>

typedef struct {
    uint32_t m0, m1, m2, m3;
    uint64_t acc; /* 40 bits */
} model_t;

static model_t model;

static inline uint32_t model_load(uintptr_t *at)
{
    uint32_t word;

    *at += 4u;
    if (*at % 4u != 0) {
        __builtin_trap(); /* LoadStoreAlignmentCause */
    }
    memcpy(&word, (const void *)*at, sizeof word);
    return word;
}

static inline void model_mula(uint32_t x, uint32_t y, uint32_t shift)
{
    const int64_t product = (int64_t)(int16_t)(uint16_t)(x >> shift)
                            * (int16_t)(uint16_t)(y >> shift);

    model.acc = (model.acc + (uint64_t)product) & 0xFFFFFFFFFFu;
}

#define MODEL_SHIFT_ll 0u
#define MODEL_SHIFT_hh 16u
#define NN_ACC_CLEAR() (model.acc = 0)
#define NN_ACC_LOW(to) ((to) = (uint32_t)model.acc)
#define NN_LDINC(mw, at) (model.mw = model_load(&(at)))
#define NN_MULA_DD(halves, mx, my) \
    model_mula(model.mx, model.my, MODEL_SHIFT_##halves)
#define NN_MULA_DD_LDINC(halves, mw, at, mx, my)                       \
    do {                                                               \
        model_mula(model.mx, model.my, MODEL_SHIFT_##halves);          \
        model.mw = model_load(&(at));                                  \
    } while (0)

#endif
