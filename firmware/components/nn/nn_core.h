/* SPDX-License-Identifier: MIT
 *
 * Which core this is compiled for: what the generated C chooses its kernels by.
 */
#ifndef NN_CORE_H
#define NN_CORE_H

/* cppcheck can neither look for headers nor take their names from macros. */
#if defined(__XTENSA__) && defined(__has_include) && !defined(__cppcheck__)
#if __has_include(<xtensa/config/core-isa.h>)
#include <xtensa/config/core-isa.h>
#endif
#endif

/* Whether the core has what nn_lx6.h needs, as the LX6 of the classic ESP32
 * has; or the models of its instructions are wanted (NN_LX6_MODEL). -DNN_LX6=0
 * takes portable C all the same: emulators that do not see a reloaded MAC16
 * register want it. */
#ifndef NN_LX6
#if defined(NN_LX6_MODEL)
#define NN_LX6 1
#elif defined(XCHAL_HAVE_MAC16) && defined(XCHAL_HAVE_MUL32_HIGH) \
    && defined(XCHAL_HAVE_MINMAX) && defined(XCHAL_HAVE_CLAMPS)   \
    && defined(XCHAL_HAVE_LOOPS)
#define NN_LX6                                                      \
    (XCHAL_HAVE_MAC16 && XCHAL_HAVE_MUL32_HIGH && XCHAL_HAVE_MINMAX \
     && XCHAL_HAVE_CLAMPS && XCHAL_HAVE_LOOPS)
#else
#define NN_LX6 0
#endif
#endif

/* Whether it has an FPU too, as nn_lx6_fpu.h wants it. */
#ifndef NN_LX6_FPU
#if defined(NN_LX6_MODEL)
#define NN_LX6_FPU 1
#elif defined(XCHAL_HAVE_FP) && defined(XCHAL_HAVE_BOOLEANS)
#define NN_LX6_FPU (NN_LX6 && XCHAL_HAVE_FP && XCHAL_HAVE_BOOLEANS)
#else
#define NN_LX6_FPU 0
#endif
#endif

#endif
