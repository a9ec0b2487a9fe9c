/* SPDX-License-Identifier: MIT */
/* Reset and the one trap handler of RV32IMC on QEMU's virt machine. */

    .option arch, +zicsr
    .section .text.entry, "ax"
    .global reset_entry
reset_entry:
    csrw    mie, zero
    la      t0, trap_entry
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
2:  la      t0, stack_bottom    /* paint the stack, for the high-water mark */
    li      t1, 0xA5A5A5A5
3:  bgeu    t0, sp, 4f
    sw      t1, 0(t0)
    addi    t0, t0, 4
    j       3b
4:  call    board_main
5:  j       5b

    .align  2
trap_entry:                     /* never returns: interrupts stay masked */
    la      sp, panic_stack + 512
    csrr    a0, mcause
    csrr    a1, mepc
    csrr    a2, mtval
    call    board_panic
6:  j       6b
