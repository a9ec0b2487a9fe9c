/* Reset and the trap of RV32IMC on QEMU's virt machine. */

    .option arch, +zicsr
    .section .text.entry, "ax"
    .global reset_entry
reset_entry:
    la      t0, fault
    csrw    mtvec, t0
    .option push
    .option norelax
    la      gp, __global_pointer$
    .option pop
    la      sp, stack_top
    la      t0, bss_start
    la      t1, bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    bare_main

    .align  2
fault:                          /* exit status: 64 + cause */
    csrr    a0, mcause
    addi    a0, a0, 64
    call    bare_exit
