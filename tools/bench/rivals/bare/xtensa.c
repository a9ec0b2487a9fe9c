/* QEMU's -M sim: CCOUNT under -icount, output and exit by simcall. On the cores
 * that stand for an ESP32's LX6 without what mulsh.S's trap for MULSH takes. */
#include "bare.h"

#define CALL_EXIT 1
#define CALL_WRITE 4
#define STANDARD_OUTPUT 1
#define TICKS_100 128u /* of CCOUNT, in 100 instructions at 32 ns */

#if defined(NN_LX6)
#include "mulsh.h"

static uint32_t trapped(void)
{
    return mulsh_traps() * (MULSH_TRAP_INSTRUCTIONS * TICKS_100 / 100u);
}
#else
static uint32_t trapped(void)
{
    return 0;
}
#endif

uint32_t bare_count(void)
{
    uint32_t value;

    __asm__ volatile("rsr %0, ccount" : "=r"(value)::"memory");
    return value - trapped();
}

static void simcall(int32_t call, int32_t x, int32_t y, int32_t z)
{
    register int32_t a2 __asm__("a2") = call;
    register int32_t a3 __asm__("a3") = x;
    register int32_t a4 __asm__("a4") = y;
    register int32_t a5 __asm__("a5") = z;

    __asm__ volatile(".byte 0x00, 0x51, 0x00"
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
