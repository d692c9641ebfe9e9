// Does something in every thread of the process. Capabilities and no_new_privs belong to threads in Linux,
// and libc has a call for all threads only for user and group.
#pragma once

namespace tsvde::confine {

// Runs `action` in this thread, and then in all others at once, in a signal handler: `action` may only make
// system calls and use atomics. Threads that are started meanwhile run it, too; those that end meanwhile need
// not. Returns 0 or an errno: ENOENT without /proc/self/task, ETIMEDOUT if a thread does not answer. One
// thread at a time may call this.
[[nodiscard]] int in_every_thread(void (*action)());

}  // namespace tsvde::confine
