// Ending at once, as _exit(2). Node, and libc's exit() by libuv's destructor, would wait for the threads that
// look names up, which may take half a minute; and Node crashes where it gives a terminal that has hung up
// its settings back.
#include <unistd.h>

#include "addon/addon.h"

static void end_process(const Napi::CallbackInfo& info) {
  restore_blocking();
  _exit(info[0].As<Napi::Number>());
}

void init_exit(Napi::Env env, Napi::Object exports) {
  exports.Set("endProcess", Napi::Function::New(env, end_process));
}
