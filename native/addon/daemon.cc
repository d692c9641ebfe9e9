// Starts a program as a daemon, and waits for its report. Node's child_process does the same, but loading
// that module and starting a program by it costs a quarter of the start of Node.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "addon/addon.h"

namespace {

constexpr int kReportFd = 3;  // where the daemon writes its report

// Starts the program in a session of its own, with the default action of every signal, /dev/null as its
// standard streams and `report` as kReportFd. Node has marked all other descriptors close-on-exec. Returns an
// errno, or 0.
int spawn(const std::string& file, const std::vector<char*>& arguments, int report, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, report, kReportFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  const int error = posix_spawn(&child, file.c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// Reads until every copy of the pipe's other end is closed.
std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t size = read(fd, part.data(), part.size());
    if (size > 0) text.append(part.data(), size);
    if (size == 0 || (size < 0 && errno != EINTR)) return text;
  }
}

// spawnDaemon(file, arguments): see src/system/native.ts.
Napi::Value spawn_daemon(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string file = info[0].As<Napi::String>();
  std::vector<std::string> words = byte_strings(info[1]);
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) < 0) throw errno_error(env, errno, "pipe2");
  pid_t child = -1;
  const int error = spawn(file, argument_pointers(words), report[1], child);
  close(report[1]);
  const std::string text = error == 0 ? read_all(report[0]) : "";
  close(report[0]);
  if (error != 0) throw errno_error(env, error, "posix_spawn", file);
  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", Napi::Number::New(env, child));
  result.Set("report", Napi::String::New(env, text));
  return result;
}

// endDaemon(pid): see src/system/native.ts.
Napi::Value end_daemon(const Napi::CallbackInfo& info) {
  const pid_t child = info[0].As<Napi::Number>();
  kill(child, SIGTERM);
  return wait_for(info.Env(), child);
}

}  // namespace

void init_daemon(Napi::Env env, Napi::Object exports) {
  exports.Set("spawnDaemon", Napi::Function::New(env, spawn_daemon));
  exports.Set("endDaemon", Napi::Function::New(env, end_daemon));
}
