// Restricts a process's access to files by Landlock (landlock(7)), by raw system calls, since libc has no
// functions for it and the kernel's header may be older than the kernel.
#pragma once

#include <span>

namespace tsvde::confine {

// Allows the calling thread, and what it starts afterwards, only to read files below the directories, which
// are descriptors. If the kernel supports that, also forbids binding TCP sockets to a port of the caller's
// choice, connecting to abstract unix sockets of other processes, and signalling other processes. Returns
// whether files are restricted. no_new_privs must be set.
[[nodiscard]] bool read_only_below(std::span<const int> directories);

}  // namespace tsvde::confine
