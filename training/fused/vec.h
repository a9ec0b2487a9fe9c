/* One vector of floats: the same value of LANES images. What the processor's registers
 * hold decides its length, and the tiles whose sums stay in them. */
#ifndef FUSED_VEC_H
#define FUSED_VEC_H

#include <stdint.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
#define LANES 16
#define OUTPUTS 4 /* a tile of the convolution: channels ... */
#define COLUMNS 6 /* ... by columns; its sums stay in registers */
#define ABREAST 8 /* channels of a tile of the weights' gradient */
#define SQUARE 3  /* channels of one of a whole kernel 3x3 */
/* GCC would load an operand anew for each product: more loads than products. */
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define LANES 8
#define OUTPUTS 3
#define COLUMNS 4
#define ABREAST 4
#define SQUARE 1
#define IN_REGISTER(v)
#endif
#define TAPS 3 /* columns of the kernel in a tile of the weights' gradient */

typedef float lanes_t __attribute__((vector_size(4 * LANES)));
typedef int32_t choice_t __attribute__((vector_size(4 * LANES)));

static inline float total(lanes_t v) {
    float sum = 0.0f;
    for (int i = 0; i < LANES; ++i) {
        sum += v[i];
    }
    return sum;
}

/* 1 for a lane that holds an image, 0 for one that fills up the block. */
static lanes_t mask(int block, int images) {
    lanes_t result = {0};
    for (int i = 0; i < LANES && block * LANES + i < images; ++i) {
        result[i] = 1.0f;
    }
    return result;
}

/* In each lane `a` where `which` is true, else `b`. */
static inline lanes_t choose(choice_t which, lanes_t a, lanes_t b) {
    return (lanes_t)((which & (choice_t)a) | (~which & (choice_t)b));
}

static inline lanes_t larger(lanes_t a, lanes_t b) {
#if defined __AVX512F__
    return (lanes_t)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined __AVX__
    return (lanes_t)_mm256_max_ps((__m256)a, (__m256)b);
#else
    return choose(a > b, a, b);
#endif
}

static inline lanes_t leaky(lanes_t v, float slope) {
    return choose(v > 0, v, v * slope);
}

#endif
