// Ending at once, as _exit(2) or of a signal, with stdin, stdout and stderr as they were found. Node, and
// libc's exit() by libuv's destructor, would wait for the threads that look names up, which may take half a
// minute; and Node crashes where it gives a terminal that has hung up its settings back.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "addon/addon.h"

// When the addon was loaded: before JavaScript opens a stream on one, and libuv makes it non-blocking for
// everybody who shares it.
static const std::array<int, 3> standard_flags = {fcntl(0, F_GETFL), fcntl(1, F_GETFL), fcntl(2, F_GETFL)};

void restore_blocking() {
  for (int fd = 0; fd < 3; fd++) {
    if (standard_flags[fd] >= 0) fcntl(fd, F_SETFL, standard_flags[fd]);
  }
}

static void end_process(const Napi::CallbackInfo& info) {
  restore_blocking();
  if (info[1].IsNumber()) {
    const int number = info[1].As<Napi::Number>();
    signal(number, SIG_DFL);
    kill(getpid(), number);
  }
  _exit(info[0].As<Napi::Number>());
}

void init_exit(Napi::Env env, Napi::Object exports) {
  exports.Set("endProcess", Napi::Function::New(env, end_process));
}
