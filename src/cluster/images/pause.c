/* The program of the pod sandbox: it holds the pod's namespaces, buries orphaned processes when it is the pod's PID 1, and
 * leaves on SIGTERM or SIGINT. No libc, so that the binary is a few hundred bytes; pause.ts carries it as text.
 *
 * Built with:
 *   gcc -Os -static -nostdlib -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none \
 *       -Wl,-N,--build-id=none -s -R .comment -o pause pause.c && objcopy -R .comment -R .note.gnu.property pause
 */
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

enum { SYS_rt_sigprocmask = 14, SYS_exit = 60, SYS_wait4 = 61, SYS_rt_sigtimedwait = 128 };
enum { SIGINT = 2, SIGTERM = 15, SIGCHLD = 17, WNOHANG = 1, SIG_BLOCK = 0 };

void _start(void) {
  unsigned long awaited = 1UL << (SIGINT - 1) | 1UL << (SIGTERM - 1) | 1UL << (SIGCHLD - 1);
  /* A blocked signal is kept for sigtimedwait, even one that PID 1 would otherwise ignore. */
  call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&awaited, 0, 8);
  for (;;) {
    long signal = call(SYS_rt_sigtimedwait, (long)&awaited, 0, 0, 8);
    if (signal == SIGINT || signal == SIGTERM) call(SYS_exit, 0, 0, 0, 0);
    while (call(SYS_wait4, -1, 0, WNOHANG, 0) > 0) {
    }
  }
}
