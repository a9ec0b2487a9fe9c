/* What all kernels need: how layers and their inner blocks are inlined. */
#ifndef NN_COMMON_H
#define NN_COMMON_H

#include <stdint.h>

#if defined(__GNUC__)
/* A layer stays a function: its loops get all registers to themselves. */
#define NN_LAYER static __attribute__((noinline))
#define NN_INLINE static inline __attribute__((always_inline))
#else
#define NN_LAYER static
#define NN_INLINE static inline
#endif

#endif
