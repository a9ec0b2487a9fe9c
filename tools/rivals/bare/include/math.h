/* What the measured programs use of math.h on a core without a C library. */
#ifndef BENCH_MATH_H
#define BENCH_MATH_H

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)

#endif
