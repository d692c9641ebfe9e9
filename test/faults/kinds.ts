// The kinds of system calls that are made to fail, and the errors that Linux documents for them. Calls of which libuv
// accepts no error, so that Node ends by itself, such as an eventfd's read, fail only in the engine's thread.
import type { Fault } from '../support/strace.ts';

/** A fault whose `path` is a file of the test's directory. */
export interface ServingFault extends Fault {
  /** Whether data sockets stay behind: what cannot be removed, or recognised as ours, is left to the next start. */
  leavesFiles?: boolean;
  /** How many descriptors stay behind, of pipes that Node does not close if it cannot start a program. */
  leavesDescriptors?: number;
}

const ENGINE = 'tsvde-engine';

/** Faults of a switch that serves. */
export const SERVING: readonly ServingFault[] = [
  { calls: 'recvmmsg', error: 'EIO', when: '2+3' },
  { calls: 'recvmmsg', error: 'ENOMEM' },
  { calls: 'sendmmsg', error: 'ENOBUFS', when: '1+2' },
  { calls: 'sendmmsg', error: 'ENOMEM', when: '1+2' },
  { calls: 'sendmmsg', error: 'EPERM', when: '1+2' },
  { calls: 'epoll_ctl', error: 'ENOMEM', thread: ENGINE },
  { calls: 'epoll_ctl', error: 'ENOSPC', thread: ENGINE, when: '2+2' },
  { calls: '?epoll_wait,epoll_pwait', error: 'EINTR', when: '1+2' },
  { calls: 'accept4', error: 'EMFILE', when: '1+2' },
  { calls: 'accept4', error: 'ENFILE', when: '1+2' },
  { calls: 'accept4', error: 'ECONNABORTED', when: '1+2' },
  { calls: 'accept4', error: 'ENOMEM', when: '1+2' },
  { calls: 'socket', error: 'EMFILE', when: '1+2' },
  { calls: 'socketpair', error: 'EMFILE' },
  { calls: 'bind', error: 'ENOMEM', when: '1+2' },
  { calls: 'bind', error: 'EADDRINUSE' },
  { calls: 'connect', error: 'ECONNREFUSED', when: '1+2' },
  { calls: 'connect', error: 'EAGAIN', when: '1+2' },
  { calls: 'listen', error: 'EADDRINUSE' },
  { calls: '?open,openat', error: 'EMFILE', when: '1+2' },
  { calls: '?open,openat', error: 'ENOMEM', when: '2+2' },
  { calls: 'read', error: 'EINTR', thread: ENGINE, when: '1+2' },
  { calls: 'write', error: 'ENOSPC', path: 'first.pcapng' },
  { calls: '?chmod,fchmod,fchmodat', error: 'EPERM', when: '1+2' },
  { calls: '?chown,fchown,fchownat', error: 'EPERM', when: '1+2' },
  { calls: '?unlink,unlinkat', error: 'EIO', when: '1+2', leavesFiles: true },
  { calls: 'munmap', error: 'ENOMEM', thread: ENGINE },
  { calls: 'eventfd2', error: 'EMFILE' },
  { calls: 'timerfd_create', error: 'EMFILE' },
  { calls: 'ioctl', error: 'EBUSY', when: '1+2' },
  { calls: 'sendmsg', error: 'ENOBUFS', when: '1+2' },
  { calls: 'recvmsg', error: 'ENOMEM', when: '1+2' },
  { calls: 'sendto', error: 'ENOBUFS', thread: ENGINE, when: '1+2' },
  { calls: 'recvfrom', error: 'EIO', thread: ENGINE, when: '1+2' },
  { calls: 'getsockopt', error: 'ENOBUFS', when: '1+2' },
  { calls: 'setsockopt', error: 'ENOMEM', when: '1+2' },
  { calls: '?stat,?lstat,fstat,statx,newfstatat', error: 'EIO', when: '1+2', leavesFiles: true },
  { calls: '?access,faccessat,faccessat2', error: 'EIO', when: '1+2' },
  { calls: 'ftruncate', error: 'EIO' },
  { calls: 'fcntl', error: 'EMFILE', when: '1+3' },
  { calls: 'clone3', error: 'EAGAIN' },
  { calls: 'execve', error: 'ENOMEM' },
  { calls: 'pipe2', error: 'EMFILE', leavesDescriptors: 3 },
  { calls: 'getdents64', error: 'EIO' },
  { calls: 'umask', error: 'ENOSYS' },
];

/**
 * Faults of a switch that starts, each with the numbers of the calls that fail, one in each start. The ten numbers of
 * `open` include the calls for tsvde's late files and for the addon.
 */
export const STARTING: readonly (Fault & { numbers: readonly number[] })[] = [
  { calls: 'socket', error: 'EMFILE', numbers: [1, 2, 3] },
  { calls: 'bind', error: 'EACCES', numbers: [1, 2, 3] },
  { calls: 'listen', error: 'EADDRINUSE', numbers: [1, 2, 3] },
  { calls: '?mkdir,mkdirat', error: 'ENOSPC', numbers: [1] },
  { calls: '?chmod,fchmod,fchmodat', error: 'EPERM', numbers: [1, 2, 3] },
  { calls: '?open,openat', error: 'EMFILE', numbers: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] },
  { calls: 'ioctl', error: 'EINVAL', numbers: [1, 2, 3] },
  { calls: 'eventfd2', error: 'EMFILE', numbers: [1] },
  { calls: 'epoll_create1', error: 'EMFILE', numbers: [1, 2] },
  { calls: 'clone3', error: 'EAGAIN', numbers: [1] },
  { calls: 'capset', error: 'EPERM', numbers: [1, 2, 3] },
  { calls: 'prctl', error: 'EINVAL', numbers: [1, 2, 3] },
  { calls: 'getdents64', error: 'EIO', numbers: [1, 2, 3] },
  { calls: 'getrandom', error: 'ENOSYS', numbers: [1] },
];
