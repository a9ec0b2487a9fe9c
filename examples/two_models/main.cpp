/* SPDX-License-Identifier: MIT
 *
 * Two networks, both engines of each, in one program: reads images from stdin
 * and prints the four answers. Every name begins with its network's.
 */
#include "v2_model.h"
#include "v3_model.h"

#include <algorithm>
#include <array>
#include <cstdio>

static_assert(V2_INPUT_BYTES == V3_INPUT_BYTES, "both look at the same image");
static_assert(V2_OUTPUT_SIZE == V3_OUTPUT_SIZE, "both know the same classes");

namespace
{
v2_int8_arena_t v2_int8;
v2_f16_arena_t v2_f16;
v3_int8_arena_t v3_int8;
v3_f16_arena_t v3_f16;

template <typename Value>
int best_of(const std::array<Value, V3_OUTPUT_SIZE> &values)
{
    const auto best = std::max_element(values.begin(), values.end());
    return static_cast<int>(best - values.begin());
}
} // namespace

int main()
{
    std::array<uint8_t, V3_INPUT_BYTES> image;
    bool any = false;
    size_t got;

    while ((got = std::fread(image.data(), 1, image.size(), stdin))
           == image.size()) {
        std::array<int8_t, V3_OUTPUT_SIZE> q2, q3;
        std::array<float, V3_OUTPUT_SIZE> f2, f3;

        if (v2_int8_run(&v2_int8, image.data(), q2.data()) != V2_OK
            || v2_f16_run(&v2_f16, image.data(), f2.data()) != V2_OK
            || v3_int8_run(&v3_int8, image.data(), q3.data()) != V3_OK
            || v3_f16_run(&v3_f16, image.data(), f3.data()) != V3_OK) {
            return 1;
        }
        any = true;
        std::printf("%s: int8 %d, float16 %d; %s: int8 %d, float16 %d\n",
                    V2_MODEL_NAME, best_of(q2), best_of(f2), V3_MODEL_NAME,
                    best_of(q3), best_of(f3));
    }
    if (got != 0 || !any) {
        std::fprintf(stderr, "no whole image of %d bytes at the end of stdin\n",
                     static_cast<int>(V3_INPUT_BYTES));
        return 1;
    }
    return 0;
}
