// Ending at once, as _exit(2). Node, and libc's exit() by libuv's destructor, would wait for the threads that
// look names up, which may take half a minute; and Node crashes where it gives a terminal that has hung up
// its settings back.
#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "addon/addon.h"

namespace {

// The flags of stdin, stdout and stderr as they were when the addon was loaded: whoever shares a pipe with us
// gets it back blocking.
std::array<int, 3> standard_flags;

void end_process(const Napi::CallbackInfo& info) {
  for (int fd = 0; fd < 3; fd++) {
    if (standard_flags[fd] >= 0) fcntl(fd, F_SETFL, standard_flags[fd]);
  }
  _exit(info[0].As<Napi::Number>());
}

}  // namespace

void init_exit(Napi::Env env, Napi::Object exports) {
  for (int fd = 0; fd < 3; fd++) standard_flags[fd] = fcntl(fd, F_GETFL);
  exports.Set("endProcess", Napi::Function::New(env, end_process));
}
