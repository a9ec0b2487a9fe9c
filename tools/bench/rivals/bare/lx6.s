# Exceptions of QEMU's -M sim -cpu de212 (call0 ABI), for LLVM's assembler. That
# core has all that we use of the ESP32's LX6 but MULSH, which the direct-boot
# port's mulsh.S does: it wants a0 in EXCSAVE1 and five instructions more from the
# vector to it, as that port takes. xtensa.c subtracts what it costs.

    .section .vectors, "ax"
    .global vectors
vectors:
    .org    0x300
    wsr     a0, excsave1
    j       mulsh
    .org    0x340
    wsr     a0, excsave1
    j       mulsh
    .org    0x3c0
    j       fault
    .org    0x400
    .p2align 2
1:  .4byte  mulsh_entry
mulsh:
    nop
    nop
    nop
    l32r    a0, 1b
    jx      a0
    .global mulsh_refused
mulsh_refused:
fault:                          # exit status: 64 + cause
    rsr     a3, exccause
    addi    a3, a3, 64
    movi    a2, 1
    .byte   0x00, 0x51, 0x00    # simcall
    j       fault

    .section .text.ready, "ax"
    .p2align 2
    .global core_ready
core_ready:
    ret
