// The simulated process, arm64: instruction for instruction the program of child-x86_64.S, which has the reasons.
    .text
params:
    .quad 0                         // 0   parent_pid
    .quad 0                         // 8   memory_bytes
    .quad 0                         // 16  growth_bytes
    .quad 0                         // 24  reserve_bytes
    .quad 0                         // 32  busy_ns
    .quad 0                         // 40  period_ns
    .quad 0                         // 48  phase_ns

_start:                             // x19 params, x20 memory, x21 touched, x22 CPU target ns, x23 next cycle ns, x24 1e9
    adr     x19, params
    sub     sp, sp, #32
    movz    x24, #0xca00
    movk    x24, #0x3b9a, lsl #16
    mov     x8, #167                // prctl(PR_SET_PDEATHSIG, SIGKILL)
    mov     x0, #1
    mov     x1, #9
    svc     #0
    mov     x8, #173                // getppid()
    svc     #0
    ldr     x9, [x19]
    mov     x10, #3
    cmp     x0, x9
    b.ne    quit

    ldr     x1, [x19, #24]          // mmap(0, reserve, READ|WRITE, PRIVATE|ANONYMOUS|NORESERVE, -1, 0)
    cbz     x1, begin
    mov     x8, #222
    mov     x0, #0
    mov     x2, #3
    mov     x3, #0x4022
    mov     x4, #-1
    mov     x5, #0
    svc     #0
    mov     x10, #4
    tbnz    x0, #63, quit
    mov     x20, x0
    mov     x8, #233                // madvise(memory, reserve, MADV_NOHUGEPAGE)
    ldr     x1, [x19, #24]
    mov     x2, #15
    svc     #0
    mov     x21, #0
    ldr     x2, [x19, #8]
    bl      touch

begin:
    ldr     x9, [x19, #40]
    cbz     x9, idle
    mov     x22, #0
    mov     x0, #1                  // CLOCK_MONOTONIC
    bl      clock
    ldr     x9, [x19, #48]
    add     x23, x0, x9
cycle:
    udiv    x9, x23, x24
    msub    x10, x9, x24, x23
    stp     x9, x10, [sp]
    mov     x8, #115                // clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, until, 0)
    mov     x0, #1
    mov     x1, #1
    mov     x2, sp
    mov     x3, #0
    svc     #0
    cbnz    w0, cycle

    ldr     x9, [x19, #16]
    ldr     x10, [x19, #24]
    add     x2, x21, x9
    cmp     x2, x10
    csel    x2, x2, x10, ls
    bl      touch

    ldr     x9, [x19, #32]
    add     x22, x22, x9
1:  mov     x0, #2                  // CLOCK_PROCESS_CPUTIME_ID
    bl      clock
    cmp     x0, x22
    b.hs    3f
    mov     x9, #20000
2:  subs    x9, x9, #1
    b.ne    2b
    b       1b

3:  ldr     x9, [x19, #40]
    add     x23, x23, x9
    mov     x0, #1
    bl      clock
    cmp     x23, x0
    b.hs    cycle
    mov     x23, x0
    b       cycle

idle:
    mov     x8, #73                 // ppoll(0, 0, 0, 0): arm64 has no pause()
    mov     x0, #0
    mov     x1, #0
    mov     x2, #0
    mov     x3, #0
    svc     #0
    b       idle

quit:
    mov     x0, x10
    mov     x8, #94                 // exit_group(x10)
    svc     #0

touch:                              // one byte a page, up to x2 bytes
    cmp     x21, x2
    b.hs    5f
    mov     w9, #1
    strb    w9, [x20, x21]
    add     x21, x21, #4096
    b       touch
5:  ret

clock:                              // x0 = clock x0 in ns
    mov     x8, #113
    mov     x1, sp
    svc     #0
    ldp     x9, x10, [sp]
    madd    x0, x9, x24, x10
    ret
