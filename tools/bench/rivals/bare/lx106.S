/* Reset and exceptions of QEMU's -M sim -cpu lx106 (call0 ABI). */

    .section .reset, "ax"
    .global reset_entry
reset_entry:
    j       1f
    .align  4
2:  .word   start
1:  l32r    a0, 2b
    jx      a0

    .section .vectors, "ax"
vectors:
    .org    0x10
    j       fault
    .org    0x20
    j       fault
    .org    0x30
    j       fault
    .org    0x50
    j       fault
    .org    0x70
    j       fault
    .org    0x80
fault:                          /* exit status: 64 + cause */
    rsr     a3, exccause
    addi    a3, a3, 64
    movi    a2, 1
    simcall
    j       fault

    .section .text.start, "ax"
    .literal_position
    .align  4
start:
    movi    a2, 0
    wsr     a2, intenable
    movi    a2, 0x20
    wsr     a2, ps
    rsync
    movi    a2, vectors
    wsr     a2, vecbase
    movi    a1, stack_top
    movi    a2, bss_start
    movi    a3, bss_end
    movi    a4, 0
1:  bgeu    a2, a3, 2f
    s32i    a4, a2, 0
    addi    a2, a2, 4
    j       1b
2:  movi    a0, bare_main
    callx0  a0
