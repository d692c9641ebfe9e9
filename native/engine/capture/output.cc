#include "engine/capture/output.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "engine/threads.h"

namespace tsvde {
namespace {

// The greatest number of writes to a stream before the loop serves other descriptors.
constexpr int kWritesAtOnce = 4;
// How long the thread that writes a file sleeps before each write, so that it writes many frames together.
// The frames that arrive in this time fill less than half of the ring.
constexpr timespec kGather{.tv_sec = 0, .tv_nsec = 2'000'000};
// The most bytes that one call writes to a file. The loop can use their place in the ring after the call.
constexpr size_t kWriteMost = size_t{1} << 20;
// The most bytes that are allocated in advance.
constexpr int64_t kAllocateMost = int64_t{16} << 20;

bool is_socket(int fd) {
  struct stat found {};
  return fstat(fd, &found) == 0 && S_ISSOCK(found.st_mode);
}

}  // namespace

// --- A stream

StreamOutput::StreamOutput(Fd fd, int epoll)
    : fd_(std::move(fd)), epoll_(epoll), is_socket_(is_socket(fd_.number())) {}

epoll_event StreamOutput::watch() const {
  return {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = 0}};
}

void StreamOutput::flush() {
  if (!awaited_ && !ended()) wake_when_writable();
}

void StreamOutput::finish(std::vector<uint8_t> last) {
  last_ = std::move(last);
  finishing_ = true;
  flush();
}

bool StreamOutput::woken(uint32_t events) {
  if (ended()) return false;
  awaited_ = true;
  write();
  if (!ended() && (events & (EPOLLERR | EPOLLHUP)) != 0) end(EPIPE);
  return !finishing_ && !ended() && (events & EPOLLRDHUP) != 0;
}

void StreamOutput::write() {
  for (int i = 0; i < kWritesAtOnce; i++) {
    if (ring.empty() && (!finishing_ || last_written_ == last_.size())) {
      awaited_ = false;
      if (finishing_) end(0);
      return;
    }
    const ssize_t written = write_once();
    if (written < 0 && errno == EAGAIN) return;  // epoll reports when there is room
    if (written < 0) {
      end(errno);
      return;
    }
    if (!ring.empty()) {
      ring.take(static_cast<size_t>(written));
    } else {
      last_written_ += static_cast<size_t>(written);
    }
  }
  wake_when_writable();
}

ssize_t StreamOutput::write_once() const {
  std::array<iovec, 2> pieces = ring.waiting();
  if (ring.empty()) {
    // iovec has no const variant; writev() does not modify the bytes.
    auto* rest = const_cast<uint8_t*>(&last_[last_written_]);
    pieces = {iovec{rest, last_.size() - last_written_}, iovec{}};
  }
  if (!is_socket_) return writev(fd_.number(), pieces.data(), pieces.size());
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  return sendmsg(fd_.number(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// EPOLL_CTL_MOD makes an edge-triggered registration report again if the descriptor is writable now. So the
// bytes of all frames of a round are written together in the next round, not with one write for each frame.
void StreamOutput::wake_when_writable() {
  awaited_ = true;
  epoll_event event = watch();
  event.data.ptr = static_cast<Output*>(this);
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_.number(), &event) < 0) end(errno);
}

// --- A file

FileOutput::FileOutput(Fd file)
    : file_(std::move(file)),
      work_(opened(eventfd(0, EFD_CLOEXEC), "eventfd")),
      done_(opened(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {}

int FileOutput::start() {
  const auto run = [](void* self) -> void* {
    static_cast<FileOutput*>(self)->run();
    return nullptr;
  };
  const BlockedSignals blocked;
  // std::thread would end the process if the system allows no more threads.
  if (const int error = pthread_create(&thread_, nullptr, run, this); error != 0) return error;
  pthread_setname_np(thread_, "tsvde-capture");
  running_ = true;
  return 0;
}

FileOutput::~FileOutput() {
  if (!finishing_.load()) finish({});
  join();
}

void FileOutput::join() {
  if (std::exchange(running_, false)) pthread_join(thread_, nullptr);
}

epoll_event FileOutput::watch() const {
  return {.events = EPOLLIN | EPOLLET, .data = {.u64 = 0}};
}

// The thread sets sleeping_ and then checks the ring; the loop puts bytes into the ring and then checks
// sleeping_. All of these are sequentially consistent, so either the thread sees the bytes, or the loop sees
// sleeping_ and wakes the thread.
void FileOutput::flush() {
  if (sleeping_.load() && sleeping_.exchange(false)) eventfd_write(work_.number(), 1);
}

void FileOutput::finish(std::vector<uint8_t> last) {
  last_ = std::move(last);
  finishing_.store(true);
  flush();
}

bool FileOutput::woken(uint32_t /* events */) {
  eventfd_t ignored = 0;
  if (ended() || eventfd_read(done_.number(), &ignored) < 0) return false;
  join();
  end(failure_);
  return false;
}

void FileOutput::run() {
  offset_ = std::max<off_t>(0, lseek(file_.number(), 0, SEEK_CUR));
  for (;;) {
    const bool finishing = finishing_.load();  // once set, no more bytes are put into the ring
    failure_ = write_waiting();
    if (failure_ != 0) break;
    if (finishing) {
      failure_ = write_all(last_.data(), last_.size());
      break;
    }
    gather();
  }
  give_back();
  if (close(file_.release()) < 0 && failure_ == 0) failure_ = errno;
  eventfd_write(done_.number(), 1);
}

// Writes what is in the ring now. What is put into the ring meanwhile is left for the next call, since a file
// system needs less time for few large writes.
int FileOutput::write_waiting() {
  for (const iovec& piece : ring.waiting()) {
    const auto* bytes = static_cast<const uint8_t*>(piece.iov_base);
    for (size_t at = 0; at < piece.iov_len; at += kWriteMost) {
      const size_t size = std::min(piece.iov_len - at, kWriteMost);
      preallocate();
      if (const int error = write_all(bytes + at, size); error != 0) return error;
      ring.take(size);
    }
  }
  return 0;
}

int FileOutput::write_all(const uint8_t* bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(file_.number(), bytes, size);
    if (written < 0) return errno;
    bytes += written;
    size -= static_cast<size_t>(written);
    offset_ += written;
  }
  return 0;
}

// Has the file system allocate blocks beyond the end of the file, as many as the file has already and at most
// 16 MiB at a time. On ext4, a write into such blocks takes two thirds of the CPU time of a write that
// allocates blocks. The capture goes on without them if the file system cannot allocate them, for example
// because the disk is almost full. If the switch is killed, the file keeps them.
void FileOutput::preallocate() {
  constexpr auto kWrite = static_cast<int64_t>(kWriteMost);
  if (!allocates_ || offset_ < kWrite || offset_ + kWrite <= allocated_) return;
  const int64_t from = std::max(offset_, allocated_);
  const int64_t size = std::min(offset_, kAllocateMost);
  allocates_ = fallocate(file_.number(), FALLOC_FL_KEEP_SIZE, from, size) == 0;
  if (allocates_) allocated_ = from + size;
}

// Gives back the blocks beyond the end of the file.
void FileOutput::give_back() {
  struct stat found {};
  if (allocated_ <= offset_ || fstat(file_.number(), &found) < 0) return;
  // If this fails, the file only uses more blocks than it needs.
  if (ftruncate(file_.number(), found.st_size) < 0) return;
}

// Sleeps while the ring is empty, and then for a moment, so that many frames are written together.
void FileOutput::gather() {
  sleeping_.store(true);
  if (ring.empty() && !finishing_.load()) {
    eventfd_t ignored = 0;
    eventfd_read(work_.number(), &ignored);
  }
  // If the loop has set sleeping_ to false meanwhile, it writes to the eventfd. The next sleep may then end
  // early, which is harmless.
  sleeping_.store(false);
  if (!finishing_.load()) nanosleep(&kGather, nullptr);
}

}  // namespace tsvde
