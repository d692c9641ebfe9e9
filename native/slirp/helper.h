// Starts programs and connects to unix sockets for guestfwd, which the confined stack cannot do itself. A
// helper process, forked before the stack is confined, does this with the privileges of the switch. The
// helper never sees a guest's bytes: it receives only the number of a forward, and answers with a connection.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/fd.h"
#include "slirp/config.h"
#include "slirp/library.h"

namespace tsvde::slirp {

class Helper {
 public:
  // Forks a helper for these forwards, whose targets are commands and unix sockets. The child closes
  // `stack_only`, and ends when the stack does. Returns "", or a sentence that says what failed.
  [[nodiscard]] std::string start(const Library& library, const std::vector<GuestForward>& forwards,
                                  std::span<const int> stack_only);

  // Returns a new connection to the target of the forward at this index in the list. On failure, returns an
  // invalid descriptor and sets errno.
  [[nodiscard]] Fd connect(size_t forward) const;
  // The descriptor that becomes readable only when the helper has ended; -1 without a helper, which poll(2)
  // ignores.
  [[nodiscard]] int ended() const { return channel_.number(); }

 private:
  Fd channel_;
};

}  // namespace tsvde::slirp
