/* SPDX-License-Identifier: MIT */
/*
 * A digit of each class for `sample`: the first of MNIST's test images of its
 * class, in four levels of ink. Two bits a pixel, the first in the lowest.
 */
#ifndef ESP8K_SAMPLES_H
#define ESP8K_SAMPLES_H

#include <stdint.h>

#include "esp8k_model.h"

#define SAMPLES 10u
#define SAMPLES_SIDE 28u  /* pixels */
#define SAMPLES_MARGIN 4u /* rows without ink, above and below */

extern const uint8_t app_samples[SAMPLES][ESP8K_INPUT_BYTES / 4u];

#endif
