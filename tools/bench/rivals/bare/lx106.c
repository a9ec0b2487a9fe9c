/* QEMU's -M sim -cpu lx106: CCOUNT under -icount, output and exit by simcall. */
#include "bare.h"

#define CALL_EXIT 1
#define CALL_WRITE 4
#define STANDARD_OUTPUT 1

uint32_t bare_count(void)
{
    uint32_t value;

    __asm__ volatile("rsr %0, ccount" : "=r"(value)::"memory");
    return value;
}

static void simcall(int32_t call, int32_t x, int32_t y, int32_t z)
{
    register int32_t a2 __asm__("a2") = call;
    register int32_t a3 __asm__("a3") = x;
    register int32_t a4 __asm__("a4") = y;
    register int32_t a5 __asm__("a5") = z;

    __asm__ volatile("simcall"
                     : "+r"(a2), "+r"(a3)
                     : "r"(a4), "r"(a5)
                     : "memory");
}

void bare_write(const char *text, uint32_t length)
{
    simcall(CALL_WRITE, STANDARD_OUTPUT, (int32_t)text, (int32_t)length);
}

_Noreturn void bare_exit(uint32_t status)
{
    for (;;) {
        simcall(CALL_EXIT, (int32_t)status, 0, 0);
    }
}
