// Becoming another program as if Node had never been: what Node and libuv change of the process is put back
// first.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "addon/addon.h"

namespace {

// The flags of stdin, stdout and stderr as they were when the addon was loaded: before JavaScript opens a
// stream on one, and libuv makes it non-blocking for everybody who shares it.
std::array<int, 3> standard_flags;

std::vector<std::string> strings(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> all;
  for (uint32_t i = 0; i < array.Length(); i++) all.push_back(array.Get(i).As<Napi::String>());
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& all) {
  std::vector<char*> result;
  for (std::string& one : all) result.push_back(one.data());
  result.push_back(nullptr);
  return result;
}

// Handlers are reset by execve; these two Node ignores from its start, and what is ignored stays so.
void restore_signals() {
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void restore_blocking() {
  for (int fd = 0; fd < 3; fd++) {
    if (standard_flags[fd] >= 0) fcntl(fd, F_SETFL, standard_flags[fd]);
  }
}

// Node raises its soft limit of open files to the hard one. What it was is what the parent has.
void restore_limits() {
  rlimit parents{};
  rlimit own{};
  if (prlimit(getppid(), RLIMIT_NOFILE, nullptr, &parents) < 0 || getrlimit(RLIMIT_NOFILE, &own) < 0) return;
  own.rlim_cur = std::min(parents.rlim_cur, own.rlim_max);
  setrlimit(RLIMIT_NOFILE, &own);
}

void keep_only(const std::vector<int>& keep) {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    const int fd = atoi(entry->d_name);
    // Node closes even the standard streams on exec.
    const bool kept = fd < 3 || std::find(keep.begin(), keep.end(), fd) != keep.end();
    fcntl(fd, F_SETFD, kept ? 0 : FD_CLOEXEC);
  }
  closedir(directory);
}

void execute(const Napi::CallbackInfo& info) {
  const std::string file = info[0].As<Napi::String>();
  auto arguments = strings(info[1]);
  auto environment = strings(info[2]);
  const auto given = info[3].As<Napi::Array>();
  std::vector<int> keep;
  for (uint32_t i = 0; i < given.Length(); i++) keep.push_back(given.Get(i).As<Napi::Number>());

  restore_signals();
  restore_blocking();
  restore_limits();
  keep_only(keep);
  execve(file.c_str(), pointers(arguments).data(), pointers(environment).data());
  throw errno_error(info.Env(), errno, "execve", file);
}

void set_process_name(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>();
  prctl(PR_SET_NAME, name.c_str());
}

}  // namespace

void init_exec(Napi::Env env, Napi::Object exports) {
  for (int fd = 0; fd < 3; fd++) standard_flags[fd] = fcntl(fd, F_GETFL);
  exports.Set("execute", Napi::Function::New(env, execute));
  exports.Set("setProcessName", Napi::Function::New(env, set_process_name));
}
