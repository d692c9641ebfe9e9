// Turns the process into another program as if Node had never run: before execve(2), restores what Node and
// libuv changed about the process.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "addon/addon.h"

namespace {

// Restores signal dispositions. `ignored` is a mask like SigIgn in /proc/PID/status: bit n is signal n + 1.
// execve(2) removes handlers but leaves ignored signals ignored, and Node ignores SIGPIPE and SIGXFSZ.
void restore_signals(uint64_t ignored) {
  for (int number = 1; number < NSIG; number++) {
    signal(number, (ignored >> (number - 1)) & 1 ? SIG_IGN : SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void restore_limit(rlim_t open_files) {
  rlimit own{};
  if (getrlimit(RLIMIT_NOFILE, &own) < 0) return;
  own.rlim_cur = std::min(open_files, own.rlim_max);
  setrlimit(RLIMIT_NOFILE, &own);
}

std::vector<int> open_descriptors() {
  std::vector<int> all;
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return all;
  while (const dirent* entry = readdir(directory)) {
    const int fd = atoi(entry->d_name);
    if (fd > 2 && fd != dirfd(directory)) all.push_back(fd);
  }
  closedir(directory);
  return all;
}

struct Descriptor {
  int fd;
  int access;        // O_RDONLY, O_WRONLY or O_RDWR
  std::string file;  // the target of the descriptor's link in /proc, such as `pipe:[1234]`
};

std::vector<Descriptor> describe(const std::vector<int>& descriptors) {
  std::vector<Descriptor> result;
  for (const int fd : descriptors) {
    std::array<char, PATH_MAX> file;
    const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), file.data(), file.size());
    if (size > 0) result.push_back({fd, fcntl(fd, F_GETFL) & O_ACCMODE, std::string(file.data(), size)});
  }
  return result;
}

// Returns the descriptors that are not Node's own. Before any JavaScript runs, Node's own are epoll and event
// descriptors, and pipes of which both ends are open here.
std::vector<int> inherited_descriptors() {
  const std::vector<Descriptor> all = describe(open_descriptors());
  const auto is_nodes_own = [&all](const Descriptor& candidate) {
    if (candidate.file.starts_with("anon_inode:")) return true;
    return candidate.file.starts_with("pipe:") &&
           std::ranges::any_of(all, [&candidate](const Descriptor& other) {
             return other.file == candidate.file && other.access != candidate.access;
           });
  };
  std::vector<int> result;
  for (const Descriptor& descriptor : all) {
    if (!is_nodes_own(descriptor)) result.push_back(descriptor.fd);
  }
  return result;
}

// Returns the descriptors above 2 that our parent passed, as with `-netdev tap,fd=10 10<>/dev/tap5`. Node
// marks them close-on-exec like its own. They are found at the first call, when the addon is loaded: later,
// or when it is loaded once more, other descriptors are open.
const std::vector<int>& inherited() {
  static const std::vector<int> at_load = inherited_descriptors();
  return at_load;
}

void keep_only(const std::vector<int>& keep) {
  for (const int fd : open_descriptors()) fcntl(fd, F_SETFD, FD_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) fcntl(fd, F_SETFD, 0);  // Node marks even these close-on-exec
  for (const int fd : inherited()) fcntl(fd, F_SETFD, 0);
  for (const int fd : keep) fcntl(fd, F_SETFD, 0);
}

// The arguments that execute() and run() in native.ts take.
struct Program {
  std::string file;
  std::vector<std::string> arguments;
  std::vector<int> keep;
  uint64_t ignored_signals;
  std::optional<rlim_t> open_files;
};

Program read_program(const Napi::CallbackInfo& info) {
  bool lossless = false;
  Program program{info[0].As<Napi::String>(),
                  byte_strings(info[1]),
                  {},
                  info[3].As<Napi::BigInt>().Uint64Value(&lossless),
                  {}};
  const auto keep = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < keep.Length(); i++) program.keep.push_back(keep.Get(i).As<Napi::Number>());
  if (info[4].IsNumber()) program.open_files = info[4].As<Napi::Number>().Int64Value();
  return program;
}

// Executes the program. Returns only on failure, with the errno of execve(2).
int become(Program& program) {
  std::vector<char*> arguments = argument_pointers(program.arguments);
  restore_signals(program.ignored_signals);
  restore_blocking();
  if (program.open_files) restore_limit(*program.open_files);
  keep_only(program.keep);
  execv(program.file.c_str(), arguments.data());
  return errno;
}

void execute(const Napi::CallbackInfo& info) {
  Program program = read_program(info);
  const int error = become(program);
  throw errno_error(info.Env(), error, "execve", program.file);
}

// Runs a program in a child process. If the child cannot execute the program, it reports the errno through a
// pipe; otherwise execve(2) closes the pipe.
Napi::Value run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Program program = read_program(info);
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) < 0) throw errno_error(env, errno, "pipe2");
  const pid_t child = fork();
  if (child == 0) {
    // If this process is ended by a signal, the program must end too.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int error = become(program);
    [[maybe_unused]] const ssize_t written = write(report[1], &error, sizeof error);
    _exit(127);
  }
  const int fork_error = errno;
  close(report[1]);
  int error = 0;
  ssize_t size = 0;
  while (child > 0 && (size = read(report[0], &error, sizeof error)) < 0 && errno == EINTR) {
  }
  close(report[0]);
  if (child < 0) throw errno_error(env, fork_error, "fork");
  const Napi::Object exit = wait_for(env, child);
  if (size == sizeof error) throw errno_error(env, error, "execve", program.file);
  return exit;
}

// Returns the memory that the kernel shows as this process's arguments: from arg_start to arg_end, fields 48
// and 49 of /proc/self/stat (proc(5)). The name in field 2 may contain blanks and parentheses, so fields are
// counted from the last ')'.
std::span<char> argument_area() {
  std::ifstream stat("/proc/self/stat");
  const std::string all{std::istreambuf_iterator<char>(stat), {}};
  std::istringstream fields(all.substr(all.rfind(')') + 1));
  std::string field;
  for (int i = 3; i < 48; i++) fields >> field;
  uintptr_t start = 0;
  uintptr_t end = 0;
  fields >> start >> end;
  return {reinterpret_cast<char*>(start), fields ? end - start : 0};  // NOLINT(performance-no-int-to-ptr)
}

// Replaces the arguments that the kernel shows. Overwriting them is safe, since libuv has copied them.
void set_arguments(const Napi::CallbackInfo& info) {
  std::string area;
  for (const std::string& word : byte_strings(info[0])) area += word + '\0';
  const std::span<char> shown = argument_area();
  if (area.size() > shown.size()) return;
  std::ranges::fill(std::ranges::copy(area, shown.begin()).out, shown.end(), '\0');
}

}  // namespace

std::vector<std::string> byte_strings(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> all;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const auto word = array.Get(i).As<Napi::Buffer<char>>();
    all.emplace_back(word.Data(), word.Length());
  }
  return all;
}

std::vector<char*> argument_pointers(std::vector<std::string>& all) {
  std::vector<char*> result;
  result.reserve(all.size() + 1);
  for (std::string& word : all) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

Napi::Object wait_for(Napi::Env env, pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw errno_error(env, errno, "waitpid");
  }
  Napi::Object exit = Napi::Object::New(env);
  exit.Set("code", Napi::Number::New(env, WIFEXITED(status) ? WEXITSTATUS(status) : 0));
  if (WIFSIGNALED(status)) exit.Set("signal", Napi::Number::New(env, WTERMSIG(status)));
  return exit;
}

void init_exec(Napi::Env env, Napi::Object exports) {
  inherited();
  exports.Set("execute", Napi::Function::New(env, execute));
  exports.Set("run", Napi::Function::New(env, run));
  exports.Set("setArguments", Napi::Function::New(env, set_arguments));
}
