// Job control (the signals that would stop this process when it uses a terminal from the background), and a
// check whether the output still has a reader.
#include <poll.h>

#include <csignal>

#include "addon/addon.h"

namespace {

// Ignores SIGTTIN and SIGTTOU. A handler would not do, since the kernel would deliver the signal and restart
// the call for ever.
void ignore_terminal_stops(const Napi::CallbackInfo&) {
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
}

// hasReader(fd): see src/system/native.ts. Node notices only at its next write.
Napi::Value has_reader(const Napi::CallbackInfo& info) {
  pollfd output{.fd = info[0].As<Napi::Number>(), .events = 0, .revents = 0};
  return Napi::Boolean::New(info.Env(), poll(&output, 1, 0) <= 0);  // POLLERR, POLLHUP or POLLNVAL
}

}  // namespace

void init_terminal(Napi::Env env, Napi::Object exports) {
  exports.Set("ignoreTerminalStops", Napi::Function::New(env, ignore_terminal_stops));
  exports.Set("hasReader", Napi::Function::New(env, has_reader));
}
