/* SPDX-License-Identifier: MIT */
/*
 * MULSH for QEMU's cores. None of Debian's has it, every ESP32 does: what is an
 * illegal instruction there comes here from its vector (a0 in EXCSAVE1), is done
 * in four products of halves, and counted. The way through takes as long for every
 * operand, so that whoever counts instructions can take it off again. A chip never
 * gets here; anything but MULSH goes on to mulsh_refused.
 */
/* Debian's assembler knows lx106 only, which has no loops: their registers. */
#define LBEG 0
#define LEND 1
#define LCOUNT 2

    .macro read_loop register, special
    .byte   \register << 4, \special, 0x03  /* rsr */
    .endm
    .macro write_loop register, special
    .byte   \register << 4, \special, 0x13  /* wsr */
    .endm

    .section .bss.mulsh, "aw", @nobits
    .align  4
    .global mulsh_state
mulsh_state:                    /* a0 to a15, then how many MULSH there were */
    .space  17 * 4

    .section .text.entry, "ax"
    .literal_position
    .align  4
    .global mulsh_entry
mulsh_entry:
    movi    a0, mulsh_state
    s32i    a1, a0, 4
    s32i    a2, a0, 8
    s32i    a3, a0, 12
    s32i    a4, a0, 16
    s32i    a5, a0, 20
    s32i    a6, a0, 24
    s32i    a7, a0, 28
    s32i    a8, a0, 32
    s32i    a9, a0, 36
    s32i    a10, a0, 40
    s32i    a11, a0, 44
    s32i    a12, a0, 48
    s32i    a13, a0, 52
    s32i    a14, a0, 56
    s32i    a15, a0, 60
    rsr     a1, excsave1
    s32i    a1, a0, 0
    rsr     a2, exccause
    bnez    a2, refused         /* not an illegal instruction */
    rsr     a3, epc1
    l8ui    a4, a3, 0           /* t, 0 */
    l8ui    a5, a3, 1           /* r, s */
    l8ui    a6, a3, 2
    movi    a7, 0xB2
    bne     a6, a7, refused     /* not MULSH */
    extui   a4, a4, 4, 4
    extui   a6, a5, 0, 4
    extui   a5, a5, 4, 4
    addx4   a4, a4, a0
    l32i    a4, a4, 0
    addx4   a6, a6, a0
    l32i    a6, a6, 0
    srai    a7, a4, 16
    extui   a4, a4, 0, 16
    srai    a8, a6, 16
    extui   a6, a6, 0, 16
    mull    a9, a4, a6
    extui   a9, a9, 16, 16
    mull    a10, a7, a6
    add     a10, a10, a9
    extui   a9, a10, 0, 16
    srai    a10, a10, 16
    mull    a4, a4, a8
    add     a4, a4, a9
    srai    a4, a4, 16
    mull    a7, a7, a8
    add     a7, a7, a10
    add     a7, a7, a4
    addx4   a5, a5, a0
    s32i    a7, a5, 0
    addi    a3, a3, 3
    read_loop 2, LCOUNT         /* at the end of a loop's body, back to its begin */
    beqz    a2, 1f
    read_loop 4, LEND
    bne     a4, a3, 2f
    addi    a2, a2, -1
    write_loop 2, LCOUNT
    read_loop 3, LBEG
    j       3f
1:  j       4f
4:  j       2f
2:  nop
    nop
    nop
    nop
3:  wsr     a3, epc1
    .rept   12                  /* to MULSH_TRAP_INSTRUCTIONS of mulsh.h */
    nop
    .endr
    l32i    a1, a0, 64
    addi    a1, a1, 1
    s32i    a1, a0, 64
    l32i    a1, a0, 4
    l32i    a2, a0, 8
    l32i    a3, a0, 12
    l32i    a4, a0, 16
    l32i    a5, a0, 20
    l32i    a6, a0, 24
    l32i    a7, a0, 28
    l32i    a8, a0, 32
    l32i    a9, a0, 36
    l32i    a10, a0, 40
    l32i    a11, a0, 44
    l32i    a12, a0, 48
    l32i    a13, a0, 52
    l32i    a14, a0, 56
    l32i    a15, a0, 60
    l32i    a0, a0, 0
    rfe
refused:
    j       mulsh_refused
