// The simulated process, arm64: instruction for instruction the program of child-x86_64.S, which has the reasons.
    .text
_start:                             // x19 params, x20 memory, x21 touched, x22 CPU target ns, x23 next cycle ns, x24 1e9
    adr     x19, params             // x25 the exit code, from `begin` on the number of the cycle
    sub     sp, sp, #32
    movz    x24, #0xca00
    movk    x24, #0x3b9a, lsl #16
    ldp     x9, x10, [x19, #8]
    and     x9, x9, x10
    cmn     x9, #1
    b.eq    guard
    mov     x25, #5
    mov     x8, #159                // setgroups(0, 0)
    mov     x0, #0
    mov     x1, #0
    svc     #0
    cbnz    w0, quit
    mov     x8, #149                // setresgid(gid, gid, gid)
    ldr     x0, [x19, #16]
    mov     x1, x0
    mov     x2, x0
    svc     #0
    cbnz    w0, quit
    mov     x8, #147                // setresuid(uid, uid, uid)
    ldr     x0, [x19, #8]
    mov     x1, x0
    mov     x2, x0
    svc     #0
    cbnz    w0, quit
    mov     x8, #167                // prctl(PR_SET_DUMPABLE, 1)
    mov     x0, #4
    mov     x1, #1
    svc     #0

guard:
    mov     x8, #167                // prctl(PR_SET_PDEATHSIG, SIGKILL)
    mov     x0, #1
    mov     x1, #9
    svc     #0
    mov     x8, #173                // getppid()
    svc     #0
    mov     x25, #3
    ldr     x9, [x19]
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
    mov     x25, #4
    tbnz    x0, #63, quit
    mov     x20, x0
    mov     x8, #233                // madvise(memory, reserve, MADV_NOHUGEPAGE)
    ldr     x1, [x19, #24]
    mov     x2, #15
    svc     #0

begin:
    mov     x21, #0
    mov     x25, #0
    bl      resize
    ldr     x9, [x19, #32]
    cbz     x9, idle
    mov     x22, #0
    mov     x0, #1                  // CLOCK_MONOTONIC
    bl      clock
    ldr     x9, [x19, #40]
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

    bl      resize
    ldr     x1, [x19, #48]
    add     x1, x1, x19
    bl      step
    add     x22, x22, x0
    add     x25, x25, #1
1:  mov     x0, #2                  // CLOCK_PROCESS_CPUTIME_ID
    bl      clock
    cmp     x0, x22
    b.hs    3f
    mov     x9, #20000
2:  subs    x9, x9, #1
    b.ne    2b
    b       1b

3:  ldr     x9, [x19, #32]
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
    mov     x0, x25
    mov     x8, #94                 // exit_group(x25)
    svc     #0

resize:                             // the memory of cycle x25
    mov     x26, x30
    add     x1, x19, #56
    bl      step
    cmp     x0, x21
    b.hs    4f
    sub     x1, x21, x0             // madvise(memory + new, touched - new, MADV_DONTNEED)
    mov     x21, x0
    add     x0, x20, x0
    mov     x2, #4
    mov     x8, #233
    svc     #0
    ret     x26
4:  cmp     x21, x0                 // one byte a page
    b.hs    5f
    mov     w9, #1
    strb    w9, [x20, x21]
    add     x21, x21, #4096
    b       4b
5:  ret     x26

step:                               // x0 = value of cycle x25 in the table at x1
    ldp     x9, x10, [x1]
    ldr     x11, [x1, #16]
    udiv    x12, x25, x9
    cmp     x12, x11
    b.lo    6f
    sub     x11, x11, x10           // past the end: loop + (index - loop) mod (count - loop)
    sub     x12, x12, x10
    udiv    x13, x12, x11
    msub    x12, x13, x11, x12
    add     x12, x12, x10
6:  add     x1, x1, #24
    ldr     x0, [x1, x12, lsl #3]
    ret

clock:                              // x0 = clock x0 in ns
    mov     x8, #113
    mov     x1, sp
    svc     #0
    ldp     x9, x10, [sp]
    madd    x0, x9, x24, x10
    ret

    .balign 8, 0
params:
    .quad 0                         // 0   parent_pid
    .quad 0                         // 8   uid
    .quad 0                         // 16  gid
    .quad 0                         // 24  reserve_bytes
    .quad 0                         // 32  period_ns
    .quad 0                         // 40  phase_ns
    .quad 0                         // 48  where the CPU table begins
                                    // 56  memory table, CPU table
