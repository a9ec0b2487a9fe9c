/* SPDX-License-Identifier: MIT
 *
 * Write a digit on a touch screen with an XPT2046 (as the ESP32-2432S028 has): a
 * second after the last stroke the answer goes out on the serial line.
 */
#include <Arduino.h>
#include <SPI.h>
#include <XPT2046_Touchscreen.h>

#include "v3_decide.h"
#include "v3_model.h"
#include "v3_prepare.h"

static const uint8_t CHIP_SELECT = 33, INTERRUPT = 36;
static const int8_t CLOCK = 25, DATA_OUT = 39, DATA_IN = 32;
static const uint32_t MOST_POINTS = 512;
static const unsigned long PAUSE_MS = 1000, SAMPLE_MS = 10;

static XPT2046_Touchscreen touch(CHIP_SELECT, INTERRUPT);
static v3_int8_arena_t arena;
static v3_prepare_t preparing;
static v3_prepare_point_t points[MOST_POINTS];
static uint32_t count = 0;
static unsigned long last_ms = 0;
static bool down = false;

/* What was drawn, in words. */
static void tell()
{
    uint8_t pixels[V3_PREPARE_OUTPUT_BYTES];
    int8_t logits[V3_OUTPUT_SIZE];
    v3_answer_t answer;

    if (v3_prepare_strokes(&preparing, points, count, pixels) != V3_PREPARE_OK
        || v3_int8_run(&arena, pixels, logits) != V3_OK) {
        return;
    }
    const v3_decision_t decision = v3_decide(pixels, logits, &answer);

    if (decision == V3_NO_DIGIT) {
        Serial.println("no digit");
        return;
    }
    Serial.print(answer.first);
    if (decision == V3_UNSURE) {
        Serial.print(" or ");
        Serial.print(answer.second);
        Serial.print("?");
    }
    Serial.println("");
}

void setup()
{
    Serial.begin(115200);
    SPI.begin(CLOCK, DATA_OUT, DATA_IN, CHIP_SELECT);
    touch.begin();
    touch.setRotation(1);
}

void loop()
{
    if (touch.touched()) {
        const TS_Point at = touch.getPoint();

        if (count < MOST_POINTS) {
            /* Each side reads 0 to 4095, and the screen is 4 to 3. */
            points[count].x = static_cast<int16_t>(at.x * 4 / 3);
            points[count].y = at.y;
            points[count].down = down ? 1 : 0;
            count++;
        }
        down = true;
        last_ms = millis();
    } else {
        down = false;
        if (count > 0 && millis() - last_ms > PAUSE_MS) {
            tell();
            count = 0;
        }
    }
    delay(SAMPLE_MS);
}
