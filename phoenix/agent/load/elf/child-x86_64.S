# The simulated process, x86-64. `phoenix/agent/load/image.py` holds the bytes this assembles to (tests/agent/test_image.py).
# No libc, no data segment, no stack beyond 32 bytes: an idle child costs the host three resident pages or so.
# Exit 3: the parent is not the one it should be. 4: no memory. 5: it may not become that user.
    .text
_start:                             # rbx params, rbp memory, r12 touched, r13 CPU target ns, r14 next cycle ns
    lea     params(%rip), %rbx      # r15 the exit code, from `begin` on the number of the cycle
    sub     $32, %rsp
    mov     8(%rbx), %rax
    and     16(%rbx), %rax
    inc     %rax
    jz      guard                   # all ones both: stay who we are
    mov     $5, %r15d
    mov     $116, %eax              # setgroups(0, 0): first, what follows takes the right to
    xor     %edi, %edi
    xor     %esi, %esi
    syscall
    test    %eax, %eax
    jnz     quit
    mov     $119, %eax              # setresgid(gid, gid, gid): all ones change nothing
    mov     16(%rbx), %rdi
    mov     %rdi, %rsi
    mov     %rdi, %rdx
    syscall
    test    %eax, %eax
    jnz     quit
    mov     $117, %eax              # setresuid(uid, uid, uid)
    mov     8(%rbx), %rdi
    mov     %rdi, %rsi
    mov     %rdi, %rdx
    syscall
    test    %eax, %eax
    jnz     quit
    mov     $157, %eax              # prctl(PR_SET_DUMPABLE, 1): else /proc/PID stays root's, as after any such change
    mov     $4, %edi
    mov     $1, %esi
    syscall

guard:                              # only now: a change of user clears the signal
    mov     $157, %eax              # prctl(PR_SET_PDEATHSIG, SIGKILL)
    mov     $1, %edi
    mov     $9, %esi
    syscall
    mov     $110, %eax              # getppid(): the parent may have died before the prctl
    syscall
    mov     $3, %r15d
    cmp     (%rbx), %rax
    jne     quit

    mov     24(%rbx), %rsi          # mmap(0, reserve, READ|WRITE, PRIVATE|ANONYMOUS|NORESERVE, -1, 0)
    test    %rsi, %rsi
    jz      begin
    mov     $9, %eax
    xor     %edi, %edi
    mov     $3, %edx
    mov     $0x4022, %r10d
    mov     $-1, %r8
    xor     %r9d, %r9d
    syscall
    mov     $4, %r15d
    test    %rax, %rax
    js      quit
    mov     %rax, %rbp
    mov     $28, %eax               # madvise(memory, reserve, MADV_NOHUGEPAGE): pages as asked, not 2 MiB
    mov     %rbp, %rdi
    mov     24(%rbx), %rsi
    mov     $15, %edx
    syscall

begin:
    xor     %r12d, %r12d
    xor     %r15d, %r15d
    call    resize
    cmpq    $0, 32(%rbx)
    je      idle
    xor     %r13d, %r13d
    mov     $1, %edi                # CLOCK_MONOTONIC
    call    clock
    mov     %rax, %r14
    add     40(%rbx), %r14
cycle:                              # sleep until r14, then work
    mov     %r14, %rax
    xor     %edx, %edx
    mov     $1000000000, %ecx
    div     %rcx
    mov     %rax, (%rsp)
    mov     %rdx, 8(%rsp)
    mov     $230, %eax              # clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, until, 0)
    mov     $1, %edi
    mov     $1, %esi
    mov     %rsp, %rdx
    xor     %r10d, %r10d
    syscall
    test    %eax, %eax              # EINTR after a stop and continue: sleep on
    jnz     cycle

    call    resize
    mov     48(%rbx), %rsi
    add     %rbx, %rsi
    call    step
    add     %rax, %r13              # the target is a total, so what a cycle used too much the next one saves
    inc     %r15
1:  mov     $2, %edi                # CLOCK_PROCESS_CPUTIME_ID
    call    clock
    cmp     %r13, %rax
    jae     3f
    mov     $20000, %ecx
2:  dec     %ecx
    jnz     2b
    jmp     1b

3:  add     32(%rbx), %r14
    mov     $1, %edi
    call    clock
    cmp     %rax, %r14              # late by more than a cycle: go on from now, no burst to catch up
    jae     cycle
    mov     %rax, %r14
    jmp     cycle

idle:
    mov     $34, %eax               # pause()
    syscall
    jmp     idle

quit:
    mov     $231, %eax              # exit_group(r15)
    mov     %r15d, %edi
    syscall

resize:                             # the memory of cycle r15
    lea     56(%rbx), %rsi
    call    step
    cmp     %r12, %rax
    jae     4f
    lea     (%rbp,%rax), %rdi       # madvise(memory + new, touched - new, MADV_DONTNEED)
    mov     %r12, %rsi
    sub     %rax, %rsi
    mov     %rax, %r12
    mov     $4, %edx
    mov     $28, %eax
    syscall
    ret
4:  cmp     %rax, %r12              # one byte a page
    jae     5f
    movb    $1, (%rbp,%r12)
    add     $4096, %r12
    jmp     4b
5:  ret

step:                               # rax = value of cycle r15 in the table at rsi
    mov     %r15, %rax
    xor     %edx, %edx
    divq    (%rsi)
    cmp     16(%rsi), %rax
    jb      6f
    mov     16(%rsi), %rcx          # past the end: loop + (index - loop) mod (count - loop)
    sub     8(%rsi), %rcx
    sub     8(%rsi), %rax
    xor     %edx, %edx
    div     %rcx
    add     8(%rsi), %rdx
    mov     %rdx, %rax
6:  mov     24(%rsi,%rax,8), %rax
    ret

clock:                              # rax = clock edi in ns
    mov     $228, %eax
    lea     8(%rsp), %rsi
    syscall
    imul    $1000000000, 8(%rsp), %rax
    add     16(%rsp), %rax
    ret

    .balign 8, 0
params:                             # written by image.py, one 64-bit word each
    .quad 0                         # 0   parent_pid: die unless this is the parent
    .quad 0                         # 8   uid: who to become, all ones to stay
    .quad 0                         # 16  gid: likewise
    .quad 0                         # 24  reserve_bytes: mapped, the highest value of the memory table
    .quad 0                         # 32  period_ns: length of a cycle, 0 = idle for ever
    .quad 0                         # 40  phase_ns: wait before the first cycle
    .quad 0                         # 48  where the CPU table begins, in bytes after params
                                    # 56  memory table in bytes, whole pages; behind it the CPU table in ns.
                                    #     Each: hold (cycles a value stays), loop (index after the last), count, values
