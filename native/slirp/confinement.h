// The sandbox that the stack enters before it handles the first frame.
#pragma once

#include <string>

namespace tsvde::slirp {

// Gives up whatever the stack does not need: the user root, capabilities, most of the file system, other
// processes, and most system calls. From then on, the process can use its sockets, make Internet sockets,
// connect them, read the name servers' file, and, if `serves_current` is set, read files below the current
// directory. Everything else that a guest could want of libslirp is prepared before or done by others: see
// interposed.h and helper.h. Any other system call ends the process, with these exceptions, which only fail:
// making another kind of socket, opening a file for writing, and other commands of ioctl(2) and fcntl(2).
//
// Returns a list of what this system does not allow, such as "namespaces, landlock", or "".
[[nodiscard]] std::string confine(bool serves_current);

}  // namespace tsvde::slirp
