/* Reset of QEMU's -M sim -cpu lx106: stack, no window, bss is loaded zero. */
    .section .reset, "ax"
    .global _start
_start:
    j       start

    .section .start, "ax"
    .align  4
start:
    movi    a0, 0x20
    wsr     a0, ps
    rsync
    movi    a1, bench_stack_top
    movi    a0, bench_main
    callx0  a0

    .text
    .align  4
    .global bench_exit
bench_exit:                     /* a2 = code */
    mov     a3, a2
    movi    a2, 1
    simcall
    j       bench_exit

    .align  4
    .global bench_write
bench_write:                    /* a2 = data, a3 = bytes */
    mov     a5, a3
    mov     a4, a2
    movi    a3, 1
    movi    a2, 4
    simcall
    ret

    .align  4
    .global bench_count
bench_count:
    rsr     a2, ccount
    ret
