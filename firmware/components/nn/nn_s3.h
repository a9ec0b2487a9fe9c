/* SPDX-License-Identifier: MIT
 *
 * Whether the int8 engine is the one of the ESP32-S3's vector unit (PIE). For C
 * and assembly. -DNN_S3=0 takes the portable engine there, for an emulator that
 * knows no PIE.
 *
 * ESP-IDF switches the unit on for a task that uses it and saves its registers
 * between tasks: run such an inference in a task, never in an interrupt.
 */
#ifndef NN_S3_H
#define NN_S3_H

#ifndef NN_S3
#if defined(__XTENSA__) && defined(ESP_PLATFORM)
#include "sdkconfig.h"
#endif
#if defined(CONFIG_IDF_TARGET_ESP32S3)
#define NN_S3 1
#else
#define NN_S3 0
#endif
#endif

#endif
