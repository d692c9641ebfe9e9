// Shared by the addon's files: their init functions, errors made from an errno, calls to JavaScript
// listeners, and the blocking modes of stdio.
#pragma once

#include <napi.h>

#include <string>

void init_accounts(Napi::Env env, Napi::Object exports);
void init_datagrams(Napi::Env env, Napi::Object exports);
void init_engine(Napi::Env env, Napi::Object exports);
void init_exec(Napi::Env env, Napi::Object exports);
void init_exit(Napi::Env env, Napi::Object exports);
void init_frame_socket(Napi::Env env, Napi::Object exports);
void init_privileges(Napi::Env env, Napi::Object exports);
void init_sockets(Napi::Env env, Napi::Object exports);
void init_terminal(Napi::Env env, Napi::Object exports);

// Restores the blocking modes that stdin, stdout and stderr had when the addon was loaded.
void restore_blocking();

// Returns an error like Node's own, with a `code` such as 'ENOENT', an `errno` such as 2 (positive, as in
// libc) and `syscall`. Its message is `what`, or `syscall` if `what` is empty, and libc's description.
Napi::Error errno_error(Napi::Env env, int error, const char* syscall, const std::string& what = "");

// Runs `call`, which calls a JavaScript listener. An exception of the listener is reported as uncaught, as
// with Node's own emitters, and does not unwind libuv's stack. If the environment is about to end, because
// the listener called process.exit() in a worker, nothing can be thrown and nothing is reported.
template <typename Call>
void call_listener(Napi::Env env, Call call) {
  try {
    call();
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());
  }
}
