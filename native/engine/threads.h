// A helper to start threads of the engine.
#pragma once

#include <pthread.h>

#include <csignal>

namespace tsvde {

// Blocks all signals in the calling thread during the lifetime of this object. Threads that are started
// meanwhile inherit the mask and keep it, so that signals are delivered to Node's thread.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace tsvde
