// A root directory of the stack's own, in user, mount, IPC and UTS namespaces of its own: it holds nothing
// but the directory of the name servers' file and the directory for TFTP.
#pragma once

#include <string>

namespace tsvde::slirp {

// The directory that holds /etc/resolv.conf or, if that is a link, the file that the link leads to. The stack
// gets access to the whole directory, since the file is often replaced by a new file.
[[nodiscard]] std::string resolver_directory();

// Enters the namespaces. The current directory remains the same, under a new name, if `keep_current` is set;
// otherwise it becomes the root. Returns "", or the call that failed; after "unshare", nothing has changed.
[[nodiscard]] std::string enter_private_root(bool keep_current);

}  // namespace tsvde::slirp
