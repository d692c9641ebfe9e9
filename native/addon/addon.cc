// Initialises the addon, which converts arguments and results. It knows nothing about Ethernet.
#include "addon/addon.h"

#include <uv.h>

#include <array>
#include <cstring>

#define STRING_OF(text) #text
#define STRING_OF_VALUE(macro) STRING_OF(macro)

// The version in package.json when the addon was built. native.ts refuses an addon of another version.
static const char* const version = STRING_OF_VALUE(TSVDE_VERSION);

// Returns the name of an errno, such as ENOEXEC. Without glibc, libuv is asked, which knows only the errors
// of its own calls.
static std::string errno_name(int error) {
#ifdef __GLIBC__
  const char* name = strerrorname_np(error);
  return name == nullptr ? std::to_string(error) : name;
#else
  std::array<char, 64> name{};
  return uv_err_name_r(-error, name.data(), name.size());
#endif
}

Napi::Error errno_error(Napi::Env env, int error, const char* syscall, const std::string& what) {
  const Napi::Error thrown = Napi::Error::New(env, (what.empty() ? syscall : what) + ": " + strerror(error));
  thrown.Set("code", Napi::String::New(env, errno_name(error)));
  thrown.Set("errno", Napi::Number::New(env, error));
  thrown.Set("syscall", Napi::String::New(env, syscall));
  return thrown;
}

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("version", Napi::String::New(env, version));
  init_accounts(env, exports);
  init_daemon(env, exports);
  init_datagrams(env, exports);
  init_engine(env, exports);
  init_exec(env, exports);
  init_exit(env, exports);
  init_frame_socket(env, exports);
  init_privileges(env, exports);
  init_sockets(env, exports);
  init_terminal(env, exports);
  return exports;
}

NODE_API_MODULE(tsvde, init)
