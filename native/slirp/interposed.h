// libslirp binds and connects sockets that the confined process may not bind or connect. The program
// therefore exports socket(2), bind(2) and connect(2), which libslirp finds before libc's:
//
// - a unix socket is a placeholder, until it is bound or connected;
// - bind(2) replaces the socket by one that the switch has bound, and has sent before the command that adds a
// forward;
// - connect(2) of a unix socket replaces it by a connection to the target of a guest forward.
#pragma once

#include <functional>
#include <string>

#include "engine/fd.h"

namespace tsvde::slirp {

struct Substitutes {
  // Returns the socket to use in place of the one that libslirp binds to an address of this family. If there
  // is none, returns an invalid descriptor and sets errno.
  std::function<Fd(int family)> bound;
  // Returns a connection for a path that libslirp connects to, see path_of_forward(). On failure, returns an
  // invalid descriptor and sets errno.
  std::function<Fd(size_t forward)> connected;
};

// Until this is called, the three functions are libc's.
void substitute(Substitutes substitutes);

// The path by which libslirp knows the target of a guest forward. There is no such file.
[[nodiscard]] std::string path_of_forward(size_t forward);

}  // namespace tsvde::slirp
