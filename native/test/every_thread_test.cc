#include "confine/every_thread.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "test/check.h"

using namespace tsvde::test;
using tsvde::confine::in_every_thread;

namespace {

std::atomic<int> runs = 0;

void count() {
  runs++;
}

// The process's only threads here, so that they can be counted.
struct Waiting {
  explicit Waiting(int count) {
    for (int i = 0; i < count; i++) all.emplace_back([this] { over.wait(false); });
  }
  ~Waiting() {
    over = true;
    over.notify_all();
    for (std::thread& one : all) one.join();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  std::atomic<bool> over = false;
  std::vector<std::thread> all;
};

char state_of(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t end = text.rfind(')');
  return end == std::string::npos ? '?' : text[end + 2];
}

// Runs `body` in a second thread of a new process, whose first thread ends. Returns the result of `body`.
int beside_a_zombie(int (*body)()) {
  const pid_t child = fork();
  if (child == 0) {
    std::thread([body] {
      while (state_of(getpid()) != 'Z') usleep(1000);
      _exit(body());
    }).detach();
    pthread_exit(nullptr);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

}  // namespace

TEST("an action runs once in every thread") {
  const Waiting waiting(150);  // more than are told at once
  runs = 0;
  CHECK(in_every_thread(count) == 0);
  CHECK(runs == 151);
}

TEST("a thread that has ended, but is still listed, is not waited for") {
  const int result = beside_a_zombie([] {
    runs = 0;
    const auto began = std::chrono::steady_clock::now();
    const int error = in_every_thread(count);
    const bool is_quick = std::chrono::steady_clock::now() - began < std::chrono::seconds(1);
    return error != 0 ? error : runs == 1 && is_quick ? 0 : 255;
  });
  if (result != 0) std::printf("%s\n", std::strerror(result));
  CHECK(result == 0);
}

TEST("threads that start and end meanwhile do not make an action fail") {
  std::atomic<bool> over = false;
  std::thread starter([&] {
    while (!over) std::thread([] {}).join();
  });
  for (int i = 0; i < rounds(200); i++) CHECK(in_every_thread(count) == 0);
  over = true;
  starter.join();
}
