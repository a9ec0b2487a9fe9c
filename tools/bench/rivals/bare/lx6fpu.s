# Exceptions of QEMU's -M sim -cpu de233_fpu (call0 ABI), for LLVM's
# assembler. That core has the FPU of the ESP32's LX6.

    .section .vectors, "ax"
    .global vectors
vectors:
    .org    0x300
    j       fault
    .org    0x340
    j       fault
    .org    0x3c0
    j       fault
    .org    0x400
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
    movi    a2, 1
    wsr     a2, cpenable        # the FPU is coprocessor 0
    rsync
    ret
