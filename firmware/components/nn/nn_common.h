/* What all kernels need: how layers and their inner blocks are inlined, whether
 * the core has what nn_mac16.h needs, the larger and the smaller of two. */
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

/* cppcheck can neither look for headers nor take their names from macros. */
#if defined(__XTENSA__) && defined(__has_include) && !defined(__cppcheck__)
#if __has_include(<xtensa/config/core-isa.h>)
#include <xtensa/config/core-isa.h>
#endif
#endif

#if defined(NN_MAC16_MODEL) && !defined(__cppcheck__)
#define NN_MAC16 1
#elif defined(XCHAL_HAVE_MAC16)
#define NN_MAC16 XCHAL_HAVE_MAC16
#else
#define NN_MAC16 0
#endif

NN_INLINE int32_t nn_max(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

NN_INLINE int32_t nn_min(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

#endif
