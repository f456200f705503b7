# The simulated process, x86-64. `phoenix/agent/image.py` holds the bytes this assembles to (tests/agent/test_image.py).
# No libc, no data segment, no stack beyond 32 bytes: an idle child costs the host three resident pages or so.
    .text
params:                             # patched by image.py, one 64-bit word each
    .quad 0                         # 0   parent_pid: die unless this is the parent
    .quad 0                         # 8   memory_bytes: touched at start
    .quad 0                         # 16  growth_bytes: touched further in each cycle
    .quad 0                         # 24  reserve_bytes: mapped, memory and growth end here
    .quad 0                         # 32  busy_ns: CPU time used in each cycle
    .quad 0                         # 40  period_ns: length of a cycle, 0 = idle for ever
    .quad 0                         # 48  phase_ns: wait before the first cycle

_start:                             # rbx params, rbp memory, r12 touched, r13 CPU target ns, r14 next cycle ns
    lea     params(%rip), %rbx
    sub     $32, %rsp
    mov     $157, %eax              # prctl(PR_SET_PDEATHSIG, SIGKILL)
    mov     $1, %edi
    mov     $9, %esi
    syscall
    mov     $110, %eax              # getppid(): the parent may have died before the prctl
    syscall
    mov     $3, %edi
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
    mov     $4, %edi
    test    %rax, %rax
    js      quit
    mov     %rax, %rbp
    mov     $28, %eax               # madvise(memory, reserve, MADV_NOHUGEPAGE): pages as asked, not 2 MiB
    mov     %rbp, %rdi
    mov     24(%rbx), %rsi
    mov     $15, %edx
    syscall
    xor     %r12d, %r12d
    mov     8(%rbx), %rdx
    call    touch

begin:
    cmpq    $0, 40(%rbx)
    je      idle
    xor     %r13d, %r13d
    mov     $1, %edi                # CLOCK_MONOTONIC
    call    clock
    mov     %rax, %r14
    add     48(%rbx), %r14
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

    mov     %r12, %rdx
    add     16(%rbx), %rdx
    cmp     24(%rbx), %rdx
    jbe     1f
    mov     24(%rbx), %rdx
1:  call    touch

    add     32(%rbx), %r13          # the target is a total, so what a cycle used too much the next one saves
2:  mov     $2, %edi                # CLOCK_PROCESS_CPUTIME_ID
    call    clock
    cmp     %r13, %rax
    jae     4f
    mov     $20000, %ecx
3:  dec     %ecx
    jnz     3b
    jmp     2b

4:  add     40(%rbx), %r14
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
    mov     $231, %eax              # exit_group(edi)
    syscall

touch:                              # one byte a page, up to rdx bytes
    cmp     %rdx, %r12
    jae     6f
    movb    $1, (%rbp,%r12)
    add     $4096, %r12
    jmp     touch
6:  ret

clock:                              # rax = clock edi in ns
    mov     $228, %eax
    lea     8(%rsp), %rsi
    syscall
    imul    $1000000000, 8(%rsp), %rax
    add     16(%rsp), %rax
    ret
