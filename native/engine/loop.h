// The engine's thread: it waits for descriptors, forwards frames and runs tasks. It owns the switch. Other
// threads read or change the switch by short tasks, which run between batches. The calling thread waits
// until its task has run. The engine's thread does not wait for the receiver of its events: it passes them to
// a sink that must not block.
//
// Want of memory is a refusal. A task that cannot allocate throws std::bad_alloc, and has changed nothing;
// the exception reaches the caller of the task. A frame's path allocates only for events and captures, which
// are then lost and counted.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <semaphore>
#include <span>
#include <thread>
#include <vector>

#include "engine/busy_poll.h"
#include "engine/capture/captures.h"
#include "engine/events.h"
#include "engine/pacing.h"
#include "engine/switch.h"
#include "engine/watch_set.h"

namespace tsvde {

class Loop : Switch::Observer {
 public:
  // Called on the loop's thread; must not block. May throw std::bad_alloc for the end of an endpoint or of a
  // capture, which the loop then reports again later.
  using EventSink = std::function<void(Event)>;

  // Throws std::bad_alloc, and std::system_error if the system allows no more descriptors or threads.
  Loop(uint32_t mac_limit, EventSink sink);
  ~Loop() override { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs `task(switch, now)` on the loop's thread, with `now` in seconds, waits for it and returns its
  // result. Call it from any other thread. After stop(), the task runs on the caller's thread. Throws
  // std::bad_alloc if the task does; a task must throw nothing else.
  template <typename Task>
  auto call(Task task) {
    using Result = std::invoke_result_t<Task, Switch&, int64_t>;
    if constexpr (std::is_void_v<Result>) {
      post([&] { task(switch_, second_); });
    } else {
      Result result{};
      post([&] { result = task(switch_, second_); });
      return result;
    }
  }

  // Attaches an endpoint. Returns 0, or an errno on failure: ENXIO if there is no such port, ENOMEM if there
  // is no memory for its queue, or an error of epoll. Call this function and those below from any thread but
  // the loop's. They throw std::bad_alloc.
  int attach(uint32_t port, uint32_t id, std::unique_ptr<Endpoint> endpoint, uint32_t queue_limit);
  void detach(uint32_t port, uint32_t id);

  // Sends a frame of our own to one port. Returns 0, or ENXIO if there is no such port.
  int send(uint32_t port, std::span<uint8_t> bytes);
  // Sets whether each address that is learned, moved or forgotten causes an event.
  void watch_macs(bool wanted);

  // Sets whether each received and each transmitted frame causes an event.
  void set_frame_events(bool wanted);
  // Begins a capture. Returns 0, or an errno if its output cannot be used.
  [[nodiscard]] int add_capture(uint32_t id, CaptureSettings settings, Fd output);
  // Runs `task(capture)` in the loop's thread. Does nothing if there is no such capture.
  template <typename Task>
  void with_capture(uint32_t id, Task task) {
    call([&](Switch&, int64_t) {
      if (Capture* capture = captures_.find(id)) task(*capture);
    });
  }
  void remove_capture(uint32_t id);

  // Begins a mirror. Returns 0, or ENXIO if port `to` does not exist.
  [[nodiscard]] int add_mirror(uint32_t id, MirrorSettings settings, uint32_t to);
  void remove_mirror(uint32_t id);

  // Sets the longest time that a source is paused while its only destination is full; with 0 no source is
  // paused.
  void set_pacing(uint32_t bound_ms);
  // Sets how long the thread polls for more events before it sleeps.
  void set_busy_poll(const BusyPoll& busy_poll);
  // Sets how many bytes of memory waiting frames may use, in all queues together.
  void set_queue_memory(uint64_t bytes);
  // Keeps the thread on one CPU. Returns 0, or an errno.
  [[nodiscard]] int place_on_cpu(uint32_t cpu);

  // Asks the thread for an answer, at most once a second, and does not wait for it. Returns for how many
  // milliseconds the last question has been unanswered, or nullopt if it was answered. Always call this
  // function from the same thread.
  [[nodiscard]] std::optional<int64_t> unanswered_ms();
  // Called in the thread that waits for the engine, each time that a task has waited for another kPatience.
  std::function<void(std::chrono::seconds waited)> on_long_wait;
  static constexpr std::chrono::seconds kPatience{2};

  // Ends the thread, then closes every endpoint; idempotent.
  void stop();

 private:
  // An action that waits for its turn in a list. It belongs to the thread that posts it, so that posting
  // allocates nothing.
  struct Posted {
    void (*run)(const void* action);
    const void* action;
    bool awaited = true;
    bool out_of_memory = false;
    Posted* next = nullptr;
    std::binary_semaphore done{0};
  };

  template <typename Action>
  void post(const Action& action) {
    if (!thread_.joinable()) return action();
    Posted posted{.run = [](const void* given) { (*static_cast<const Action*>(given))(); },
                  .action = &action};
    hand_over(posted);
    wait_for(posted);
    if (posted.out_of_memory) throw std::bad_alloc();
  }
  void hand_over(Posted& posted);
  void wait_for(Posted& posted) noexcept;  // the engine's thread uses `posted` until this returns
  void run_posted();

  [[nodiscard]] static int64_t monotonic_ms();

  // Loop thread only
  void run();
  // Takes an attachment, which was made in another thread. Returns 0, or an errno.
  [[nodiscard]] int add(Switch& sw, std::unique_ptr<Attachment>& made);
  void read_clock();
  int wait(std::span<epoll_event> events);
  int look_and_sleep(std::span<epoll_event> events);
  [[nodiscard]] int patience_ms() const;
  void sweep_queues();
  void serve(const WatchSet::Registration& registration, uint32_t events);
  void drain(Attachment& attachment);
  // Receives a batch, and further batches while the endpoint has frames buffered. Stops when the endpoint
  // must be paused.
  void read(Attachment& attachment);
  void receive(Attachment& attachment);
  // Gives a turn to each endpoint that has called on_ready since its last turn, unless it is paused.
  void serve_ready();
  void flush_touched();
  void flush(std::vector<Port*>& ports);
  void resume(std::span<Attachment* const> sources);
  // Lets the endpoint take back what it has lent. The batch's borrowed frames must have been sent or copied.
  void take_back(Endpoint& endpoint, uint32_t frames);
  // Resets the first `count` frames of the batch: full room, no offload.
  void empty_slots(uint32_t count);

  // Asks epoll for the events that the attachment waits for now. If the endpoint cannot be watched, it ends.
  void rearm(Attachment& attachment);
  void end(Attachment& attachment, int error);

  // Reports the end of an endpoint, or keeps it for report_ends().
  void report_end(Attachment& attachment, int error);
  // Reports the ends that are still unreported.
  void report_ends();
  [[nodiscard]] bool has_unreported() const { return unreported_ > 0 || captures_.has_unreported(); }
  // Sends an event with the first bytes of a frame.
  void report_bytes(Event event, const Frame& frame, size_t most);
  void report_capture_ended(uint32_t id);
  void report_frame(const Port& port, const Frame& frame, bool received);
  void update_observed() {
    switch_.observed = frame_events_ || !captures_.empty() || !switch_.mirrors().empty();
    switch_.observe_drops(captures_.want_drops());
  }

  void moved(MacKey key, uint32_t from, uint32_t to, bool again) override;
  void flapping(MacKey key, uint32_t port, uint32_t elsewhere, int64_t seconds) override;
  void bpdu(const Port& from, const Frame& frame) override;
  void captured(const Port& port, const Frame& frame, bool received) override;
  void dropped(const Port& port, const Frame& frame, Counter reason) override;

  // Members are destroyed from the last to the first, after stop() has ended the thread.
  EventSink sink_;
  QueueMemory queue_memory_;
  Switch switch_;
  WatchSet watches_;
  Captures captures_;
  bool frame_events_ = false;
  Fd wake_;
  Time now_ = 0;        // the time at which this round began
  int64_t second_ = 0;  // now_ in whole seconds
  // The second in which an event of each kind was last sent. There are three, so that an address that flaps
  // hides neither the first move of another address nor the report that it flaps.
  int64_t moved_at_ = -1, moved_again_at_ = -1, flapping_at_ = -1;
  int64_t swept_at_ = -1;  // the second in which empty queues last gave memory back
  Pacing pacing_;
  BusyPoll busy_poll_;
  size_t endpoints_ = 0;
  // Those with service.ready, unless paused. Has room for all endpoints twice, since those that are served
  // may become ready again.
  std::vector<Attachment*> ready_;
  size_t exact_ = 0;       // number of endpoints that need the exact time
  size_t unreported_ = 0;  // number of endpoints whose end is unreported
  std::unique_ptr<uint8_t[]> slab_;
  std::array<Frame, kBatch> batch_;
  std::mutex mutex_;
  Posted* posted_ = nullptr;  // the oldest; guarded by mutex_, as is the next
  Posted** last_ = &posted_;  // the link behind the newest
  bool stopping_ = false;     // set by a posted action
  int64_t asked_ms_ = -1000;
  std::atomic<bool> answered_{true};
  Posted question_{
      .run =
          [](const void* answered) { *static_cast<std::atomic<bool>*>(const_cast<void*>(answered)) = true; },
      .action = &answered_,
      .awaited = false};
  std::thread thread_;
};

}  // namespace tsvde
