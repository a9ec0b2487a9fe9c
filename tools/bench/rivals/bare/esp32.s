# Reset and start of QEMU's -M sim with a core of the ESP32's kind (call0 ABI), for
# LLVM's assembler. The core's own file has its vectors, and `core_ready` for what
# only that core has to switch on.

    .section .reset, "ax"
    .global reset_entry
reset_entry:
    j       1f
    .p2align 2
2:  .4byte  start
1:  l32r    a0, 2b
    jx      a0

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
    movi    a2, 1               # QEMU ends a block after each instruction that is
    wsr     a2, icount          # counted; else MAC16 reads m0 to m3 as they were
    wsr     a2, icountlevel     # before their last load
    isync
    call0   core_ready
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
