/* SPDX-License-Identifier: MIT */
#include "simcall.h"

#define CALL_EXIT 1
#define CALL_READ 3
#define CALL_WRITE 4
#define CALL_SELECT_ONE 29
#define CALL_ARGC 1000
#define CALL_ARGV_SIZE 1001
#define CALL_ARGV 1002
#define SELECT_READ 1
#define ARGUMENTS_BYTES 256

/* a2 = call, a3-a5 = arguments; a2 = result, a3 = errno */
static int32_t simcall(int32_t call, int32_t x, int32_t y, int32_t z)
{
    register int32_t a2 __asm__("a2") = call;
    register int32_t a3 __asm__("a3") = x;
    register int32_t a4 __asm__("a4") = y;
    register int32_t a5 __asm__("a5") = z;

    __asm__ volatile("simcall"
                     : "+r"(a2), "+r"(a3)
                     : "r"(a4), "r"(a5)
                     : "memory");
    return a2;
}

static int32_t address(const void *pointer)
{
    return (int32_t)(uintptr_t)pointer;
}

static uint32_t number(const char *text)
{
    uint32_t value = 0;

    while (*text >= '0' && *text <= '9') {
        value = value * 10u + (uint32_t)(*text - '0');
        text++;
    }
    return value;
}

void simcall_options(simcall_options_t *options)
{
    static uint32_t arguments[ARGUMENTS_BYTES / 4];
    int32_t count = simcall(CALL_ARGC, 0, 0, 0);
    int32_t size = simcall(CALL_ARGV_SIZE, 0, 0, 0);
    int32_t i;

    options->boots = 1;
    options->reason = 1;
    options->icount_shift = 0;
    options->first_id = 0;
    if (count < 1 || size > ARGUMENTS_BYTES) {
        return;
    }
    (void)simcall(CALL_ARGV, address(arguments), 0, 0);
    for (i = 0; i < count; i++) {
        const char *text = (const char *)(uintptr_t)arguments[i];

        if (text[0] == 'b') {
            options->boots = number(text + 1);
        } else if (text[0] == 'r') {
            options->reason = number(text + 1);
        } else if (text[0] == 'c') {
            options->icount_shift = number(text + 1);
        } else if (text[0] == 'i') {
            options->first_id = number(text + 1);
        }
    }
}

int simcall_wait(uint32_t milliseconds)
{
    uint32_t timeval[2]; /* seconds, microseconds */

    timeval[0] = milliseconds / 1000u;
    timeval[1] = milliseconds % 1000u * 1000u;
    return simcall(CALL_SELECT_ONE, 0, SELECT_READ, address(timeval)) != 0;
}

int32_t simcall_read(uint8_t *bytes, uint32_t capacity)
{
    return simcall(CALL_READ, 0, address(bytes), (int32_t)capacity);
}

int32_t simcall_write(const uint8_t *bytes, uint32_t length)
{
    return simcall(CALL_WRITE, 1, address(bytes), (int32_t)length);
}

void simcall_exit(int32_t status)
{
    (void)simcall(CALL_EXIT, status, 0, 0);
}
