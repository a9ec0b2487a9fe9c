/* What the measured programs use of math.h on a core without a C library. */
#ifndef BENCH_MATH_H
#define BENCH_MATH_H

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define INTEGRAL 8388608.0f /* 2^23: a larger float has no fraction */

static inline float fmaxf(float a, float b)
{
    return a < b || isnan(a) ? b : a;
}

static inline float fminf(float a, float b)
{
    return a > b || isnan(a) ? b : a;
}

/* Adding 2^23 rounds to nearest even; volatile keeps gcc from undoing it. */
static inline float nearbyintf(float x)
{
    float magic = x < 0.0f ? -INTEGRAL : INTEGRAL;
    volatile float sum = x + magic;

    return x > -INTEGRAL && x < INTEGRAL ? sum - magic : x;
}

#endif
