/* SPDX-License-Identifier: MIT */
/*
 * Vectors, reset and interrupt entry of an LX6 core with the call0 ABI: the real
 * ESP32's, or QEMU's de233_fpu. The window vectors below 0x180 are never taken
 * (PS.WOE = 0).
 */

#define PS_USER 0x20            /* UM = 1, EXCM = 0, INTLEVEL = 0, WOE = 0 */
#define PS_PANIC 0x2F           /* the same with all interrupts masked */
#define CAUSE_LEVEL1 4
#define KIND_KERNEL 1
#define KIND_USER 2
#define KIND_DOUBLE 3
#define KIND_UNEXPECTED 4

/* Debian's assembler knows lx106 only, which has none of these registers. */
#define LCOUNT 2
#define CPENABLE 224

    .macro wsr_special register, special
    .byte   \register << 4, \special, 0x13
    .endm

/* ==== Vector table ==== */

    .section .vectors, "ax"
    .macro vector offset, target
    .org \offset
    wsr     a0, excsave1
    j       \target
    .endm

    .global vector_base
vector_base:
    vector  0x180, unexpected_entry
    vector  0x1C0, unexpected_entry
    vector  0x200, unexpected_entry
    vector  0x240, unexpected_entry
    vector  0x280, unexpected_entry
    vector  0x2C0, unexpected_entry
    vector  0x300, kernel_entry
    vector  0x340, user_entry
    vector  0x3C0, double_entry
    .org    0x400

/* ==== Exceptions ==== */

    .section .text.entry, "ax"
    .literal_position
    .align  4
unexpected_entry:
    movi    a2, KIND_UNEXPECTED
    rsr     a4, epc1
    j       panic_entry
    .align  4
kernel_entry:
    movi    a2, KIND_KERNEL
    rsr     a4, epc1
    j       panic_entry
    .align  4
double_entry:
    movi    a2, KIND_DOUBLE
    rsr     a4, depc
    /* falls through */
panic_entry:                    /* a2 kind, a4 pc; the rest may be lost */
    movi    a5, PS_PANIC
    wsr     a5, ps
    rsync
    movi    a1, panic_stack + 512
    rsr     a3, exccause
    rsr     a5, excvaddr
    rsr     a6, excsave1        /* a0 at the fault: the caller, often */
    movi    a0, board_panic
    jx      a0

/*
 * A level 1 interrupt saves what a C function may change under call0 (a0 and
 * a2-a11, SAR) and leaves the rest to it. That C has neither loops nor MAC16 nor
 * FPU, as the compiler's target has none: the kernels' stay as they are, and
 * PS.EXCM, which stays set, keeps their loops from looping meanwhile.
 */
    .align  4
user_entry:
    rsr     a0, exccause
    beqi    a0, CAUSE_LEVEL1, interrupt_entry
    bnez    a0, mulsh_refused
    movi    a0, mulsh_entry     /* an illegal instruction */
    jx      a0
    .global mulsh_refused
mulsh_refused:
    movi    a2, KIND_USER
    rsr     a4, epc1
    j       panic_entry
    .align  4
interrupt_entry:
    addi    a1, a1, -64
    s32i    a2, a1, 0
    s32i    a3, a1, 4
    s32i    a4, a1, 8
    s32i    a5, a1, 12
    s32i    a6, a1, 16
    s32i    a7, a1, 20
    s32i    a8, a1, 24
    s32i    a9, a1, 28
    s32i    a10, a1, 32
    s32i    a11, a1, 36
    rsr     a2, excsave1        /* a0 */
    rsr     a3, sar
    rsr     a4, epc1
    s32i    a2, a1, 40
    s32i    a3, a1, 44
    s32i    a4, a1, 48
    movi    a0, board_interrupt
    callx0  a0
    l32i    a3, a1, 44
    l32i    a4, a1, 48
    l32i    a0, a1, 40
    wsr     a3, sar
    wsr     a4, epc1
    l32i    a2, a1, 0
    l32i    a3, a1, 4
    l32i    a4, a1, 8
    l32i    a5, a1, 12
    l32i    a6, a1, 16
    l32i    a7, a1, 20
    l32i    a8, a1, 24
    l32i    a9, a1, 28
    l32i    a10, a1, 32
    l32i    a11, a1, 36
    addi    a1, a1, 64
    rfe

/* ==== Reset ==== */

    .global reset_entry
    .align  4
reset_entry:
    movi    a2, 0
    wsr     a2, intenable
    wsr_special 2, LCOUNT       /* no loop of whoever was here before */
    movi    a2, PS_PANIC        /* no window exceptions, no interrupts yet */
    wsr     a2, ps
    rsync
    movi    a2, vector_base
    wsr     a2, vecbase
    movi    a1, stack_top
    /* ---- clear .bss, word by word ---- */
    movi    a2, bss_start
    movi    a3, bss_end
    movi    a4, 0
1:  bgeu    a2, a3, 2f
    s32i    a4, a2, 0
    addi    a2, a2, 4
    j       1b
    /* ---- paint the stack, for the high-water mark ---- */
2:  movi    a2, stack_bottom
    movi    a4, 0xA5A5A5A5
3:  bgeu    a2, a1, 4f
    s32i    a4, a2, 0
    addi    a2, a2, 4
    j       3b
4:  movi    a2, PS_USER
    wsr     a2, ps
    movi    a2, 1
    wsr_special 2, CPENABLE     /* the FPU is coprocessor 0 */
    rsync
    movi    a0, board_main
    callx0  a0
5:  j       5b
