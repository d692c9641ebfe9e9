// Shared by the addon's files: their init functions, errors made from an errno, calls to JavaScript
// listeners, the blocking modes of stdio, and child processes.
#pragma once

#include <napi.h>
#include <sys/types.h>

#include <string>
#include <vector>

void init_accounts(Napi::Env env, Napi::Object exports);
void init_daemon(Napi::Env env, Napi::Object exports);
void init_datagrams(Napi::Env env, Napi::Object exports);
void init_engine(Napi::Env env, Napi::Object exports);
void init_exec(Napi::Env env, Napi::Object exports);
void init_exit(Napi::Env env, Napi::Object exports);
void init_frame_socket(Napi::Env env, Napi::Object exports);
void init_privileges(Napi::Env env, Napi::Object exports);
void init_sockets(Napi::Env env, Napi::Object exports);
void init_terminal(Napi::Env env, Napi::Object exports);

// Returns the strings that JavaScript passes as an array of Buffers, such as a program's arguments.
std::vector<std::string> byte_strings(const Napi::Value& value);

// Returns the argument vector of execve(2), which is valid as long as the strings.
std::vector<char*> argument_pointers(std::vector<std::string>& all);

// Waits until a child process has ended. Returns `{code, signal}`; `signal` is missing unless a signal ended
// it.
Napi::Object wait_for(Napi::Env env, pid_t child);

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
