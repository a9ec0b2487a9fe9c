/* QEMU's virt machine: minstret under -icount, the 16550, the test device. */
#include "bare.h"

#define UART (*(volatile uint8_t *)0x10000000u)
#define TEST_DEVICE (*(volatile uint32_t *)0x100000u)
#define FAILED 0x3333u

uint32_t bare_count(void)
{
    uint32_t value;

    __asm__ volatile(".option push\n\t.option arch, +zicsr\n\t"
                     "csrr %0, minstret\n\t.option pop"
                     : "=r"(value)::"memory");
    return value;
}

void bare_write(const char *text, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        UART = (uint8_t)text[i]; /* QEMU's is never full */
    }
}

_Noreturn void bare_exit(uint32_t status)
{
    for (;;) {
        TEST_DEVICE = (status << 16) | FAILED;
    }
}
