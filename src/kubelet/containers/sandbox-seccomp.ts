// The seccomp profile (https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp) of pod sandboxes, whose
// program waits for signals and for the end of its children, and nothing else. A runtime's default profile allows several hundred
// system calls for three architectures, which are translated for the kernel anew for every sandbox.
import type { KubeletHost } from "../host.ts";

/** For the program itself, and for what a runtime does between taking up the profile and becoming the program. */
const ALLOWED = [
  "access arch_prctl brk capget capset chdir clock_gettime clock_nanosleep clone clone3 close close_range dup dup2 dup3",
  "epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 execve execveat exit exit_group faccessat faccessat2 fchdir fchmod fchown",
  "fcntl fstat fstatfs futex getcwd getdents64 getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getrandom getrlimit",
  "getsid gettid getuid ioctl kill lseek lstat madvise mmap mprotect mremap munmap nanosleep newfstatat open openat openat2 pause",
  "pipe2 poll ppoll prctl pread64 prlimit64 pwrite64 read readlink readlinkat recvmsg restart_syscall rseq rt_sigaction rt_sigpending",
  "rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_yield sendmsg set_robust_list set_tid_address",
  "setgid setgroups setresgid setresuid setsid setuid sigaltstack stat statfs statx tgkill tkill umask uname wait4 waitid write writev",
];

/** Without a list of architectures it is for the machine's own: what calls the kernel in another way is killed. */
const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  syscalls: [{ names: ALLOWED.flatMap((line) => line.split(" ")), action: "SCMP_ACT_ALLOW" }],
});

/** Where the runtime finds it. */
export function sandboxProfilePath(rootDirectory: string): string {
  return `${rootDirectory}/sandbox-seccomp.json`;
}

/** Before the first sandbox is made. What is there is left alone: a full disk must not keep a kubelet from starting again. */
export async function provideSandboxProfile({ files, rootDirectory }: Pick<KubeletHost, "files" | "rootDirectory">): Promise<void> {
  const path = sandboxProfilePath(rootDirectory);
  const present = await files.read(path);
  if (present !== undefined && new TextDecoder().decode(present) === PROFILE) return;
  await files.write(path, new TextEncoder().encode(PROFILE), 0o644);
}
