// Ends the process at once, by _exit(2) or a signal, after restoring stdin, stdout and stderr. A normal exit
// would wait up to half a minute for threads that look up names: both Node and libuv's destructor, which
// libc's exit() runs, wait for these threads. Node would also crash while restoring the settings of a
// terminal that has hung up.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "addon/addon.h"

// The file status flags of stdin, stdout and stderr, recorded when the addon is loaded. When JavaScript later
// opens a stream on one of these descriptors, libuv makes it non-blocking, for every process that shares it.
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
