/* SPDX-License-Identifier: MIT
 *
 * Reads an image of V3_INPUT_BYTES bytes from the serial port and answers with
 * its class and the time that it took.
 */
#include <Arduino.h>
#include <v3_model.h>

static v3_int8_arena_t arena;
static uint8_t image[V3_INPUT_BYTES];
static size_t received = 0;

void setup()
{
    Serial.begin(115200);
}

void loop()
{
    int8_t output[V3_OUTPUT_SIZE];
    unsigned best = 0;

    while (received < sizeof(image) && Serial.available() > 0) {
        image[received++] = static_cast<uint8_t>(Serial.read());
    }
    if (received < sizeof(image)) {
        return;
    }
    received = 0;

    const unsigned long start = micros();
    if (v3_int8_run(&arena, image, output) != V3_OK) {
        Serial.println("a null or misaligned argument");
        return;
    }
    const unsigned long end = micros();
    for (unsigned i = 1; i < V3_OUTPUT_SIZE; ++i) {
        best = output[i] > output[best] ? i : best;
    }
    Serial.print("class ");
    Serial.print(static_cast<int>(best));
    Serial.print(", microseconds ");
    Serial.println(static_cast<int>(end - start));
}
