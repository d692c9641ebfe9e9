// Puts load on any VDE switch and prints the results as JSON: load DIRECTORY ROLE KEY=VALUE...
//
// Role `stream`: a sender keeps `window` frames of `size` bytes in flight to `receivers` receivers for
// `seconds` (window 0: as many frames as the kernel accepts). A single receiver has `addresses` addresses.
// `idle` is the number of further clients, which do nothing. `from` and `to` are the kinds of the sender and
// of the receivers: vde, stream, dgram or vhost-user.
//
// Role `rest`: `receivers` ends of the kind `to` are connected and do nothing. The result has the number of
// times that a thread of the switch woke up.
//
// Role `ping`: a frame goes back and forth between two clients, while two others make a `background` load: 0
// none, 1 unicast, 2 a flood to all ports. The load's `rate` is in frames per second (0: as many as the
// kernel accepts).
//
// `pid` is the process whose CPU time is measured.
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "bench/ends.h"

namespace {

struct Job {
  std::string directory, from = "vde", to = "vde";
  uint32_t size = 60, window = 64, receivers = 1, addresses = 1, idle = 0, background = 0, rate = 0, pid = 0;
  double seconds = 0.6;
};

double percentile(std::vector<uint32_t>& samples, double share) {
  if (samples.empty()) return 0;
  const auto at = samples.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), at, samples.end());
  return *at / 1000.0;
}

void print_waits(std::vector<uint32_t>& waits) {
  printf(",\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,\"p999\":%.2f", percentile(waits, 0.5),
         percentile(waits, 0.9), percentile(waits, 0.99), percentile(waits, 0.999));
}

// Returns false if no frame came within `patience_ms`.
bool readable(const Client& client, int patience_ms) {
  pollfd wanted{.fd = client.fd(), .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, patience_ms) > 0;
}

void empty(Client& client, Messages& in) {
  while (client.receive(in) > 0) continue;
}

// Sends a frame from each address of `from`, so that the switch learns them; `to` discards the frames. This
// is repeated, since the port of a stream may not exist yet.
void introduce(Client& from, Client& to, Messages& in, uint32_t addresses = 1) {
  constexpr uint32_t kAtOnce = 32;
  Messages hello(60);
  for (uint32_t done = 0; done < addresses; done += kAtOnce) {
    const uint32_t count = std::min(kAtOnce, addresses - done);
    for (uint32_t i = 0; i < count; i++) {
      to.address(hello.frame(i));
      from.address(hello.frame(i) + 6, done + i);
    }
    for (uint32_t heard = 0; heard < count;) {
      if (from.send(hello, count) < static_cast<int>(count)) fail("hello");
      while (heard < count && readable(to, 200)) heard += static_cast<uint32_t>(std::max(0, to.receive(in)));
    }
  }
}

void fill(uint8_t* frame, const Client& from, const Client* to, uint32_t index = 0) {
  memset(frame, 0xff, 6);
  if (to != nullptr) to->address(frame, index);
  from.address(frame + 6);
  frame[12] = 0x88;
  frame[13] = 0xb5;
}

// Sends until end(), at `rate` frames a second or, if that is 0, as many as the kernel accepts.
class OpenLoop {
 public:
  OpenLoop(Client& from, const Client* to, uint32_t size, uint32_t addresses, uint32_t rate = 0)
      : out_(size) {
    thread_ = std::thread([this, &from, to, addresses, rate] {
      constexpr unsigned kFew = 8;
      const unsigned burst = rate == 0 ? kBatch : kFew;
      const std::chrono::nanoseconds apart(rate == 0 ? 0 : uint64_t{1'000'000'000} * burst / rate);
      uint32_t next = 0;
      while (!ended_) {
        const auto due = std::chrono::steady_clock::now() + apart;
        for (unsigned i = 0; i < burst; i++) fill(out_.frame(i), from, to, next++ % addresses);
        const int count = from.send(out_, burst);
        if (count > 0) sent_ += static_cast<uint64_t>(count);
        std::this_thread::sleep_until(due);
        if (count == static_cast<int>(burst)) continue;
        pollfd writable{.fd = from.fd(), .events = POLLOUT, .revents = 0};
        poll(&writable, 1, 100);
      }
    });
  }
  ~OpenLoop() { end(); }
  uint64_t end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }

 private:
  Messages out_;
  uint64_t sent_ = 0;  // read after the thread has ended
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

struct Receivers {
  explicit Receivers(const Ends& all) : all(all), received(all.size()) {
    for (const auto& end : all) polls.push_back({.fd = end->fd(), .events = POLLIN, .revents = 0});
  }
  // Receives from the receivers that have frames. Returns false if no frame came within `patience_ms`.
  bool take(Messages& in, int patience_ms) {
    if (poll(polls.data(), polls.size(), patience_ms) == 0) return false;
    for (size_t i = 0; i < polls.size(); i++) {
      if ((polls[i].revents & POLLIN) == 0) continue;
      const int count = all[i]->receive(in);
      if (count > 0) received[i] += static_cast<uint64_t>(count);
    }
    return true;
  }
  [[nodiscard]] uint64_t total() const {
    uint64_t sum = 0;
    for (const uint64_t count : received) sum += count;
    return sum;
  }

  const Ends& all;
  std::vector<uint64_t> received;
  std::vector<pollfd> polls;
};

// The period that is measured. It begins with the constructor, after the clients have connected.
class Stretch {
 public:
  explicit Stretch(uint32_t pid) : pid_(pid), cpu_(cpu()), start_(nanoseconds()) {}
  [[nodiscard]] uint64_t start() const { return start_; }
  void report(uint64_t accepted, uint64_t delivered, uint64_t end) const {
    printf("{\"accepted\":%lu,\"delivered\":%lu,\"seconds\":%.6f,\"cpuNs\":%lu", accepted, delivered,
           static_cast<double>(end - start_) / 1e9, cpu() - cpu_);
  }

 private:
  // Returns the CPU time of all threads of the switch, from the scheduler's statistics: ticks of 10 ms would
  // be too coarse.
  [[nodiscard]] uint64_t cpu() const {
    uint64_t sum = 0;
    if (pid_ == 0) return 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/task")) {
      uint64_t one = 0;
      std::ifstream(task.path() / "schedstat") >> one;
      sum += one;
    }
    return sum;
  }

  uint32_t pid_;
  uint64_t cpu_, start_;
};

void stream_windowed(const Job& job, Client& sender, const Ends& all, Messages& in) {
  Messages out(job.size);
  Receivers receivers(all);
  std::vector<uint32_t> waits;
  uint64_t sent = 0, lost = 0;
  uint32_t next = 0;
  const Stretch stretch(job.pid);
  const uint64_t end = stretch.start() + static_cast<uint64_t>(job.seconds * 1e9);
  uint64_t now = stretch.start(), sent_at = now;
  const Client* only = all.size() == 1 ? all[0].get() : nullptr;
  for (unsigned i = 0; i < kBatch; i++) fill(out.frame(i), sender, only);
  while (now < end) {
    const uint64_t slowest = *std::ranges::min_element(receivers.received);
    uint64_t credit = std::min<uint64_t>(job.window - (sent - slowest), kBatch);
    while (credit > 0) {
      if (job.addresses > 1)
        for (unsigned i = 0; i < credit; i++) only->address(out.frame(i), next++ * 7919 % job.addresses);
      sent_at = nanoseconds();
      const int count = sender.send(out, static_cast<unsigned>(credit));
      if (count <= 0) break;
      sent += static_cast<uint64_t>(count);
      credit -= static_cast<uint64_t>(count);
    }
    // If no frame came within 100 ms, the switch has dropped the missing frames. They then no longer count as
    // in flight.
    if (!receivers.take(in, 100)) {
      for (uint64_t& count : receivers.received) {
        lost += sent - count;
        count = sent;
      }
    }
    now = nanoseconds();
    if (job.window == 1 && waits.size() < 10'000'000) waits.push_back(static_cast<uint32_t>(now - sent_at));
  }
  stretch.report(sent * all.size(), receivers.total() - lost, now);
  if (job.window == 1) print_waits(waits);
}

void stream_open(const Job& job, Client& sender, const Ends& all, Messages& in) {
  Receivers receivers(all);
  const Stretch stretch(job.pid);
  OpenLoop loop(sender, all.size() == 1 ? all[0].get() : nullptr, job.size, job.addresses);
  const uint64_t end = stretch.start() + static_cast<uint64_t>(job.seconds * 1e9);
  while (nanoseconds() < end) receivers.take(in, 10);
  const uint64_t accepted = loop.end();
  const uint64_t ended = nanoseconds();
  while (receivers.take(in, 100)) continue;
  stretch.report(accepted * all.size(), receivers.total(), ended);
}

void stream(const Job& job) {
  const auto sender = end_of_kind(job.from, job.directory, 0);
  Ends all, idle;
  for (uint32_t i = 0; i < job.receivers; i++)
    all.push_back(end_of_kind(job.to, job.directory, static_cast<uint16_t>(i + 1)));
  for (uint32_t i = 0; i < job.idle; i++)
    idle.push_back(end_of_kind("vde", job.directory, static_cast<uint16_t>(i + 1000)));
  Messages in(65536);
  // Let the switch learn all addresses. The frames sent for this purpose are discarded.
  introduce(*sender, *all[0], in);
  for (const auto& receiver : all) introduce(*receiver, *sender, in, job.addresses);
  for (const auto& receiver : all) empty(*receiver, in);
  if (job.window > 0) {
    stream_windowed(job, *sender, all, in);
  } else {
    stream_open(job, *sender, all, in);
  }
}

// Returns how often the threads of a process have gone to sleep.
uint64_t sleeps(uint32_t pid) {
  uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream status(task.path() / "status");
    const std::string key = "voluntary_ctxt_switches:";
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key)) sum += std::stoull(line.substr(key.size()));
    }
  }
  return sum;
}

void rest(const Job& job) {
  Ends all;
  for (uint32_t i = 0; i < job.receivers; i++)
    all.push_back(end_of_kind(job.to, job.directory, static_cast<uint16_t>(i)));
  std::this_thread::sleep_for(std::chrono::seconds(1));  // the switch logs the connections
  const uint64_t before = sleeps(job.pid);
  const Stretch stretch(job.pid);
  std::this_thread::sleep_for(std::chrono::duration<double>(job.seconds));
  stretch.report(0, 0, nanoseconds());
  printf(",\"wakeups\":%lu", sleeps(job.pid) - before);
}

// Two clients that answer each other, and a third that only receives. All three are read whenever frames
// arrive, as guests would do.
class Table {
 public:
  Table(const Client& here, const Client& there, const Client& sink, uint32_t size)
      : clients_{&here, &there, &sink}, frame_(size), in_(65536) {
    for (size_t i = 0; i < 3; i++) polls_[i] = {.fd = clients_[i]->fd(), .events = POLLIN, .revents = 0};
  }

  // Returns the time of a round trip in nanoseconds; 0 if the frame was lost.
  uint64_t round_trip() {
    const uint64_t sent_at = nanoseconds();
    return pass(0, 1) && pass(1, 0) ? nanoseconds() - sent_at : 0;
  }

  void rest(uint64_t duration) {
    const uint64_t end = nanoseconds() + duration;
    for (uint64_t now = nanoseconds(); now < end; now = nanoseconds()) take(end - now);
  }

 private:
  bool pass(size_t from, size_t to) {
    fill(frame_.data(), *clients_[from], clients_[to]);
    memcpy(&frame_[14], &++mark_, sizeof mark_);
    arrived_ = false;
    if (send(clients_[from]->fd(), frame_.data(), frame_.size(), MSG_DONTWAIT) < 0) return false;
    const uint64_t end = nanoseconds() + 200'000'000;
    for (uint64_t now = nanoseconds(); now < end && !arrived_; now = nanoseconds()) take(end - now);
    return arrived_;
  }

  void take(uint64_t patience) {
    const timespec wait{.tv_sec = 0, .tv_nsec = static_cast<long>(patience)};
    if (ppoll(polls_.data(), polls_.size(), &wait, nullptr) <= 0) return;
    for (const pollfd& readable : polls_) {
      if ((readable.revents & POLLIN) == 0) continue;
      const int count = recvmmsg(readable.fd, in_.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
      for (int i = 0; i < count; i++)
        if (memcmp(in_.frame(static_cast<unsigned>(i)), frame_.data(), 22) == 0) arrived_ = true;
    }
  }

  std::array<const Client*, 3> clients_;
  std::array<pollfd, 3> polls_{};
  std::vector<uint8_t> frame_;
  Messages in_;
  uint64_t mark_ = 0;
  bool arrived_ = false;
};

void ping(const Job& job) {
  Client here(job.directory, 0), there(job.directory, 1), busy(job.directory, 2), sink(job.directory, 3);
  Messages in(65536);
  introduce(here, there, in);
  introduce(there, here, in);
  introduce(busy, sink, in);
  introduce(sink, busy, in);
  for (Client* client : {&here, &there, &busy, &sink}) empty(*client, in);

  Table table(here, there, sink, job.size);
  std::vector<uint32_t> waits;
  uint64_t sent = 0;
  const Stretch stretch(job.pid);
  const uint64_t end = stretch.start() + static_cast<uint64_t>(job.seconds * 1e9);
  {
    std::unique_ptr<OpenLoop> background;
    if (job.background > 0)
      background = std::make_unique<OpenLoop>(busy, job.background == 1 ? &sink : nullptr, 60, 1, job.rate);
    for (; nanoseconds() < end; sent++) {
      if (const uint64_t wait = table.round_trip(); wait > 0) waits.push_back(static_cast<uint32_t>(wait));
      // Pause between round trips, as a guest does between frames; otherwise the round trips would be a
      // flood.
      table.rest(500'000);
    }
  }
  stretch.report(sent, waits.size(), nanoseconds());
  print_waits(waits);
}

}  // namespace

int main(int argc, char** argv) {
  Job job;
  const std::map<std::string, std::string*> kinds = {{"from", &job.from}, {"to", &job.to}};
  const std::map<std::string, uint32_t*> numbers = {{"size", &job.size},
                                                    {"window", &job.window},
                                                    {"receivers", &job.receivers},
                                                    {"addresses", &job.addresses},
                                                    {"idle", &job.idle},
                                                    {"pid", &job.pid},
                                                    {"background", &job.background},
                                                    {"rate", &job.rate}};
  if (argc < 3) {
    fprintf(stderr, "load DIRECTORY stream|ping KEY=VALUE...\n");
    return 2;
  }
  job.directory = argv[1];
  for (int i = 3; i < argc; i++) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals),
                      value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "seconds") {
      job.seconds = strtod(value.c_str(), nullptr);
    } else if (kinds.contains(key)) {
      *kinds.at(key) = value;
    } else if (numbers.contains(key)) {
      *numbers.at(key) = static_cast<uint32_t>(strtoul(value.c_str(), nullptr, 10));
    } else {
      fprintf(stderr, "load: unknown word '%s'\n", argv[i]);
      return 2;
    }
  }
  allow_many_files();
  const std::string role = argv[2];
  if (role == "stream") stream(job);
  if (role == "ping") ping(job);
  if (role == "rest") rest(job);
  printf("}\n");
}
