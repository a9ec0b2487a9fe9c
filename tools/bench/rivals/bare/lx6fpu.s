# Reset and exceptions of QEMU's -M sim -cpu de233_fpu (call0 ABI), for LLVM's
# assembler. That core has the FPU of the ESP32's LX6.

    .section .reset, "ax"
    .global reset_entry
reset_entry:
    j       1f
    .p2align 2
2:  .4byte  start
1:  l32r    a0, 2b
    jx      a0

    .section .vectors, "ax"
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

    .section .text.start, "ax"
    .p2align 2
1:  .4byte  vectors
2:  .4byte  stack_top
3:  .4byte  bss_start
4:  .4byte  bss_end
5:  .4byte  bare_main
    .global start
start:
    movi    a2, 0
    wsr     a2, intenable
    wsr     a2, lcount
    movi    a2, 0x20
    wsr     a2, ps              # PS.EXCM would keep loops from looping
    rsync
    movi    a2, 1
    wsr     a2, cpenable        # the FPU is coprocessor 0
    rsync
    l32r    a2, 1b
    wsr     a2, vecbase
    l32r    a1, 2b
    l32r    a2, 3b
    l32r    a3, 4b
    movi    a4, 0
6:  bgeu    a2, a3, 7f
    s32i    a4, a2, 0
    addi    a2, a2, 4
    j       6b
7:  l32r    a0, 5b
    callx0  a0
