// Job control: the signals that would stop this process when it uses a terminal from the background.
#include <csignal>

#include "addon/addon.h"

namespace {

// Ignores SIGTTIN and SIGTTOU. A handler would not do, since the kernel would deliver the signal and restart
// the call for ever.
void ignore_terminal_stops(const Napi::CallbackInfo&) {
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
}

}  // namespace

void init_terminal(Napi::Env env, Napi::Object exports) {
  exports.Set("ignoreTerminalStops", Napi::Function::New(env, ignore_terminal_stops));
}
