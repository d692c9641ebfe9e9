// Job control: whether this process may read a terminal, and the signals that would otherwise stop it.
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "addon/addon.h"

namespace {

// Returns whether this process is in the foreground or the background of a terminal, or has lost the
// terminal. A terminal that is not our controlling terminal (ENOTTY) may be read from any process group.
const char* standing_at(int fd) {
  const pid_t foreground = tcgetpgrp(fd);
  if (foreground >= 0) return foreground == getpgrp() ? "foreground" : "background";
  return errno == ENOTTY ? "foreground" : "gone";
}

Napi::Value terminal_standing(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), standing_at(info[0].As<Napi::Number>()));
}

// Ignores SIGTTIN and SIGTTOU. A handler would not do, since the kernel would deliver the signal and restart
// the call for ever.
void ignore_terminal_stops(const Napi::CallbackInfo&) {
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
}

}  // namespace

void init_terminal(Napi::Env env, Napi::Object exports) {
  exports.Set("terminalStanding", Napi::Function::New(env, terminal_standing));
  exports.Set("ignoreTerminalStops", Napi::Function::New(env, ignore_terminal_stops));
}
