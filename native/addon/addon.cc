// Initialises the addon, which converts arguments and results. It knows nothing about Ethernet.
#include "addon/addon.h"

#include <cstring>

Napi::Error errno_error(Napi::Env env, int error, const char* syscall, const std::string& what) {
  const Napi::Error thrown = Napi::Error::New(env, (what.empty() ? syscall : what) + ": " + strerror(error));
  const char* name = strerrorname_np(error);
  thrown.Set("code", Napi::String::New(env, name != nullptr ? name : "EUNKNOWN"));
  thrown.Set("errno", Napi::Number::New(env, error));
  thrown.Set("syscall", Napi::String::New(env, syscall));
  return thrown;
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  init_accounts(env, exports);
  init_datagrams(env, exports);
  init_engine(env, exports);
  init_exec(env, exports);
  init_exit(env, exports);
  init_frame_socket(env, exports);
  init_sockets(env, exports);
  init_terminal(env, exports);
  return exports;
}

NODE_API_MODULE(tsvde, init)
