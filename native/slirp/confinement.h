// The sandbox that the stack enters before it handles the first frame.
#pragma once

#include <string>

namespace tsvde::slirp {

// Gives up whatever the stack does not need: the user root, capabilities, most of the file system, other
// processes, and most system calls. From then on, the process can use its sockets, make Internet sockets and
// connect them, and read the name servers' file and files below the current directory if `serves_current` is
// set. Everything else that a guest could want of libslirp is prepared before or done by others: see
// interposed.h and helper.h. Any other system call ends the process, except that making another kind of
// socket, opening a file for writing and other ioctls fail with an error.
//
// Returns a list of what this system does not allow, such as "namespaces, landlock", or "".
[[nodiscard]] std::string confine(bool serves_current);

}  // namespace tsvde::slirp
