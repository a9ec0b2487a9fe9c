# Exceptions and MULSH of QEMU's -M sim -cpu de212 (call0 ABI), for LLVM's
# assembler. That core has all that we use of the ESP32's LX6 but MULSH: the
# illegal instruction comes here, is done in four products of halves, and counted.
# The way through is the same for every operand: xtensa.c subtracts what it costs.

    .section .vectors, "ax"
    .global vectors
vectors:
    .org    0x300
    j       mulsh
    .org    0x340
    j       mulsh
    .org    0x3c0
    j       fault
    .org    0x400
fault:                          # exit status: 64 + cause
    rsr     a3, exccause
    addi    a3, a3, 64
    movi    a2, 1
    .byte   0x00, 0x51, 0x00    # simcall
    j       fault

    .p2align 2
saved:
    .4byte  bare_registers      # a0 to a15, then how many MULSH there were
mulsh:
    wsr     a0, excsave1
    l32r    a0, saved
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
    bnez    a2, fault           # not an illegal instruction
    rsr     a3, epc1
    l8ui    a4, a3, 0           # t, 0
    l8ui    a5, a3, 1           # r, s
    l8ui    a6, a3, 2
    movi    a7, 0xb2
    bne     a6, a7, fault       # not MULSH
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
    rsr     a2, lcount          # at the end of a loop's body, back to its begin
    beqz    a2, 1f
    rsr     a4, lend
    bne     a4, a3, 2f
    addi    a2, a2, -1
    wsr     a2, lcount
    rsr     a3, lbeg
    j       3f
1:  j       4f
4:  j       2f
2:  nop
    nop
    nop
    nop
3:  wsr     a3, epc1
    .rept   17                  # to 100 instructions more than MULSH itself
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

    .section .text.ready, "ax"
    .p2align 2
    .global core_ready
core_ready:
    ret
