// What the addon's files share: one init function each, how an errno becomes a JavaScript Error, and stdio.
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
