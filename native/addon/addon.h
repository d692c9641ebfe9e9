// What the addon's files share: one init function each, how an errno becomes a JavaScript Error and what
// becomes of a listener's, and stdio.
#pragma once

#include <napi.h>

#include <string>

void init_accounts(Napi::Env env, Napi::Object exports);
void init_datagrams(Napi::Env env, Napi::Object exports);
void init_engine(Napi::Env env, Napi::Object exports);
void init_exec(Napi::Env env, Napi::Object exports);
void init_exit(Napi::Env env, Napi::Object exports);
void init_frame_socket(Napi::Env env, Napi::Object exports);
void init_sockets(Napi::Env env, Napi::Object exports);

// The blocking modes of stdin, stdout and stderr, as they were.
void restore_blocking();

// As Node's own: `code` 'ENOENT', `errno` 2 (positive, as libc has it), `syscall`; the message is "WHAT:
// libc's words".
Napi::Error errno_error(Napi::Env env, int error, const char* syscall, const std::string& what = "");

// Does what calls a listener. What that throws is uncaught, as of Node's own emitters, and goes no further:
// not through libuv's frames. Where the environment is about to end, by process.exit() in a worker's
// listener, nothing can be thrown, and nothing is.
template <typename Call>
void call_listener(Napi::Env env, Call call) {
  try {
    call();
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());
  }
}
