// The output of a capture: a bounded ring, from which bytes are written when the destination takes them. The
// capture puts whole blocks into the ring, and loses a block for which the ring has no room. Loop thread
// only, except where a comment names another thread.
#pragma once

#include <pthread.h>
#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/capture/byte_ring.h"
#include "engine/fd.h"

namespace tsvde {

class Output {
 public:
  static constexpr size_t kRing = size_t{8} << 20;

  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  virtual ~Output() = default;

  // Makes sure that the bytes in the ring are written soon. To be called after bytes were put into it.
  virtual void flush() = 0;
  // Ends the output after everything in the ring, and then `last`, is written. To be called only once.
  virtual void finish(std::vector<uint8_t> last) = 0;

  // The events to wait for, which are edge-triggered, and the descriptor to wait on.
  [[nodiscard]] virtual epoll_event watch() const = 0;
  [[nodiscard]] virtual int watched() const = 0;
  // Handles an event of the descriptor. Returns true if the reader has shut down its side: then the caller
  // must call finish().
  [[nodiscard]] virtual bool woken(uint32_t events) = 0;

  // Returns whether the output has ended, so that nothing more will be written.
  [[nodiscard]] bool ended() const { return ended_; }
  // Returns the errno if the output has ended before everything was written, otherwise 0.
  [[nodiscard]] int error() const { return error_; }

  ByteRing ring{kRing};

 protected:
  void end(int error) {
    ended_ = true;
    error_ = error;
  }

 private:
  bool ended_ = false;
  int error_ = 0;
};

// A pipe or a stream socket, written by the loop without blocking. A peer that shuts down its own side of a
// socket still gets the waiting bytes, and then end-of-file. The descriptor of a pipe must be non-blocking.
class StreamOutput final : public Output {
 public:
  // `epoll` is the set to which the caller adds the output.
  StreamOutput(Fd fd, int epoll);
  void flush() override;
  void finish(std::vector<uint8_t> last) override;
  [[nodiscard]] epoll_event watch() const override;
  [[nodiscard]] int watched() const override { return fd_.number(); }
  [[nodiscard]] bool woken(uint32_t events) override;

 private:
  void write();
  [[nodiscard]] ssize_t write_once() const;
  void wake_when_writable();

  Fd fd_;
  const int epoll_;
  bool is_socket_ = false;
  bool awaited_ = false;  // whether write() will be called for an event of epoll, or is running now
  bool finishing_ = false;
  std::vector<uint8_t> last_;
  size_t last_written_ = 0;
};

// A regular file. It is written by a thread of its own, since epoll does not support files and a disk may be
// slow.
class FileOutput final : public Output {
 public:
  explicit FileOutput(Fd file);
  ~FileOutput() override;
  // Starts the thread. Returns 0, or an errno. To be called once, before the other functions.
  [[nodiscard]] int start();
  void flush() override;
  void finish(std::vector<uint8_t> last) override;
  [[nodiscard]] epoll_event watch() const override;
  [[nodiscard]] int watched() const override { return done_.number(); }
  [[nodiscard]] bool woken(uint32_t events) override;

 private:
  // Functions of the thread.
  void run();
  [[nodiscard]] int write_waiting();
  [[nodiscard]] int write_all(const uint8_t* bytes, size_t size);
  void preallocate();
  void give_back();
  void gather();

  void join();

  Fd file_;
  // Used by the thread: the offset of the next write, and the end of the blocks that the file system has
  // allocated in advance.
  int64_t offset_ = 0;
  int64_t allocated_ = 0;
  bool allocates_ = true;  // false once the file system has refused to allocate blocks in advance
  Fd work_;                // an eventfd that wakes the thread
  Fd done_;                // an eventfd that tells the loop that the thread has ended
  std::atomic<bool> sleeping_ = false;
  std::atomic<bool> finishing_ = false;
  std::vector<uint8_t> last_;  // written by the loop before finishing_ is set, read by the thread afterwards
  int failure_ = 0;            // written by the thread before it signals done_, read by the loop afterwards
  pthread_t thread_{};
  bool running_ = false;  // whether the thread was started and not joined
};

}  // namespace tsvde
