// Messages and rings of a hostile front end, for libFuzzer: see scripts/fuzz.mjs. The input is a program, one
// byte for each operation and bytes for its operands. Operations write to the guest's memory, send messages
// and files, truncate the memory, and let the back end answer and move frames.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "vhost/back_end.h"

namespace {

using namespace tsvde::vhost;
using tsvde::Fd;

constexpr uint64_t kPage = 4096;
constexpr uint64_t kSize = 16 * kPage;
constexpr uint64_t kHalf = kSize / 2;
constexpr uint64_t kGuest = 0x1'0000'0000;
constexpr uint64_t kUser = 0x7f12'3400'0000;
constexpr uint32_t kEntries = 16;
// The parts of a ring, in a page of its own.
constexpr uint64_t kAvailableAt = 0x400;
constexpr uint64_t kUsedAt = 0x800;

void require(bool so, const char* what) {
  if (so) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

class Input {
 public:
  Input(const uint8_t* at, size_t size) : at_(at), end_(at + size) {}
  [[nodiscard]] bool empty() const { return at_ == end_; }
  // Returns a number from the next bytes; missing bytes are zero.
  template <typename T>
  T next() {
    T value{};
    const size_t size = std::min(sizeof value, static_cast<size_t>(end_ - at_));
    std::memcpy(&value, at_, size);
    at_ += size;
    return value;
  }
  uint8_t byte() { return next<uint8_t>(); }
  std::vector<uint8_t> bytes(size_t most) {
    const size_t size = std::min(most, static_cast<size_t>(end_ - at_));
    const std::vector<uint8_t> result(at_, at_ + size);
    at_ += size;
    return result;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

struct Owner : BackEnd::Owner {
  void kick_opened(uint32_t ring, int fd) override { require(ring < 2 && fd >= 0, "a kick has a ring"); }
  void kick_closes(int fd) override { require(fd >= 0, "a kick that closes was open"); }
  void features_accepted(uint64_t) override {}
};

class FrontEnd {
 public:
  FrontEnd(Input& input, BackEnd::Options options) : input_(input) {
    std::array<int, 2> ends{};
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "a socket pair");
    socket_ = Fd(ends[0]);
    back_end_ = std::make_unique<BackEnd>(Fd(ends[1]), owner_, options);
    require(ftruncate(memory_.number(), kSize) == 0, "memory");
    if (options.sealed) fcntl(memory_.number(), F_ADD_SEALS, F_SEAL_SHRINK);
  }

  void connect(uint64_t features) {
    number(Request::set_features, features & kOfferedFeatures);
    table(2);
    for (uint32_t ring = 0; ring < 2; ring++) {
      pair(Request::set_ring_size, ring, kEntries);
      pair(Request::set_ring_base, ring, 0);
      addresses(ring, 0);
      send(Request::set_ring_kick, octets(uint64_t{ring}), {kick_.number()});
      send(Request::set_ring_call, octets(uint64_t{ring}), {call_.number()});
      pair(Request::set_ring_enabled, ring, 1);
    }
  }

  void step() {
    switch (input_.byte() % 16) {
      case 0: {  // any bytes anywhere
        const auto at = input_.next<uint16_t>();
        write_memory(at, input_.bytes(input_.byte() % 64));
        break;
      }
      case 1:
      case 2:
        describe();
        break;
      case 3:
      case 4: {  // make an entry available
        const uint32_t ring = input_.byte() % 2;
        const uint16_t head = input_.byte() % (kEntries + 2);
        write_memory(ring * kPage + kAvailableAt + 4 + 2 * (available_[ring]++ % kEntries), octets(head));
        write_memory(ring * kPage + kAvailableAt + 2, octets(available_[ring]));
        break;
      }
      case 5: {  // let an index jump
        const uint32_t ring = input_.byte() % 2;
        available_[ring] = static_cast<uint16_t>(available_[ring] + input_.byte() % 20 - 2);
        write_memory(ring * kPage + kAvailableAt + 2, octets(available_[ring]));
        break;
      }
      case 6:
      case 7:
        take();
        break;
      case 8:
      case 9:
        put();
        break;
      case 10:
        for (uint32_t ring = 0; ring < 2; ring++) {
          (void)back_end_->arm(ring);
          back_end_->disarm(ring);
        }
        break;
      case 11: {  // a message with any payload
        const auto request = static_cast<Request>(input_.byte() % 21);
        const uint8_t flags = input_.byte();
        const uint8_t files = input_.byte();
        send(request, input_.bytes(input_.byte()), some_files(files),
             flags % 8 == 0 ? flags : 1U | (flags & 8U));
        break;
      }
      case 12:  // messages with a plausible payload
        plausible();
        break;
      case 13:  // bytes without a message's form
        write(input_.bytes(input_.byte() % 40), {});
        break;
      case 14:
        if (input_.byte() % 8 == 0)
          (void)!ftruncate(memory_.number(), static_cast<off_t>(input_.byte() % 17 * kPage));
        break;
      case 15:
        back_end_->publish();
        break;
    }
    if (back_end_->violation() == Violation::none) return;
    require(!back_end_->active(0) && !back_end_->active(1), "a ring is not active after a violation");
    require(!back_end_->answer(), "nothing is answered after a violation");
  }

 private:
  template <typename T>
  static std::vector<uint8_t> octets(const T& value) {
    std::vector<uint8_t> bytes(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
  }

  // Writes with a system call, since the memory may have been truncated.
  void write_memory(uint64_t at, const std::vector<uint8_t>& bytes) const {
    if (at + bytes.size() <= kSize)
      (void)!pwrite(memory_.number(), bytes.data(), bytes.size(), static_cast<off_t>(at));
  }

  // An address in memory, at one of its borders, or anywhere.
  uint64_t address() {
    const uint8_t where = input_.byte();
    const uint64_t near = input_.byte();
    switch (where % 8) {
      case 0:
        return kGuest + kHalf - 128 + near;
      case 1:
        return kGuest + kSize - 128 + near;
      case 2:
        return kGuest - 128 + near;
      case 3:
        return input_.next<uint64_t>();
      default:
        return kGuest + 2 * kPage + near * 64;
    }
  }

  void describe() {
    const uint32_t ring = input_.byte() % 2;
    const uint32_t index = input_.byte() % kEntries;
    const bool in_table = input_.byte() % 8 == 0;
    const uint8_t kind = input_.byte();
    Descriptor descriptor{};
    descriptor.address = address();
    descriptor.length = kind % 32 == 0 ? input_.next<uint32_t>() : input_.next<uint16_t>() % 2048;
    descriptor.flags =
        kind % 16 == 1 ? input_.byte() : (kind / 32 % 2) | (ring == 0 ? kDescriptorWritable : 0);
    if (kind % 16 == 2) {
      descriptor.flags = kDescriptorIndirect;
      descriptor.address = kGuest + 3 * kPage;
      descriptor.length &= 0xf0;
    }
    descriptor.next = input_.byte() % (kEntries + 2);
    write_memory((in_table ? 3 : ring) * kPage + 16 * index, octets(descriptor));
  }

  void take() {
    std::array<uint8_t, 2048> room;
    const Taken taken = back_end_->take(std::span(room).first(input_.byte() * 8));
    require(!taken.frame || taken.violation == Violation::none, "a frame is not a violation");
  }

  void put() {
    static std::array<uint8_t, 9000> frame;
    const size_t size = 14 + (input_.byte() * 32U);
    const std::array parts{iovec{frame.data(), 14}, iovec{frame.data() + 14, size - 14}};
    const Put outcome = back_end_->put({}, parts);
    require(outcome != Put::violated || back_end_->violation() != Violation::none,
            "a violation has a reason");
  }

  [[nodiscard]] std::vector<int> some_files(uint8_t which) const {
    const std::array all{memory_.number(), kick_.number(), call_.number(), socket_.number()};
    std::vector<int> files(which % 8 == 7 ? which / 8 : which % 8 < 3 ? which % 8 : 1);
    std::ranges::fill(files, all[which / 8 % all.size()]);
    return files;
  }

  void plausible() {
    const uint32_t ring = input_.byte() % 2;
    const uint8_t operand = input_.byte();
    switch (input_.byte() % 12) {
      case 0:
        return table(operand % 3);
      case 1:
        return addresses(ring, operand);
      case 2:
        return pair(Request::set_ring_size, ring, 1U << operand % 18);
      case 3:
        return pair(Request::set_ring_base, ring, operand);
      case 4:
        available_[ring] = 0;
        return pair(Request::get_ring_base, ring, operand);
      case 5:
        return pair(Request::set_ring_enabled, ring, operand % 2);
      case 6:
        return send(Request::set_ring_kick, octets(uint64_t{ring}), {kick_.number()});
      case 7:
        return send(Request::set_ring_call, octets(uint64_t{ring}), {call_.number()});
      case 8:
        return send(Request::set_ring_kick, octets(uint64_t{ring} | kNoDescriptor), {});
      case 9:
        return number(Request::set_features, kOfferedFeatures & ~(uint64_t{1} << operand % 64));
      case 10:
        return number(Request::set_protocol_features, kOfferedProtocol);
      default:
        return send(Request::get_features, {}, {}, 9);
    }
  }

  void table(uint32_t kind) {
    const MemoryRegion low{kGuest, kHalf, kUser, 0};
    const MemoryRegion high{kGuest + kHalf, kHalf, kUser + 8 * kHalf, kHalf};
    const MemoryRegion both{kGuest, kSize, kUser, 0};
    auto bytes = octets(MemoryTableHeader{kind == 2 ? 2U : 1U, 0});
    for (const MemoryRegion& region : {kind == 0 ? both : low, high}) {
      const auto one = octets(region);
      bytes.insert(bytes.end(), one.begin(), one.end());
      if (kind != 2) break;
    }
    send(Request::set_memory_table, bytes, std::vector<int>(kind == 2 ? 2 : 1, memory_.number()));
  }
  void addresses(uint32_t ring, uint64_t offset) {
    const uint64_t user = kUser + ring * kPage + offset;
    send(Request::set_ring_addresses,
         octets(RingAddresses{ring, 0, user, user + kUsedAt, user + kAvailableAt, 0}));
  }
  void number(Request request, uint64_t value) { send(request, octets(value)); }
  void pair(Request request, uint32_t ring, uint32_t value) {
    send(request, octets(RingNumber{ring, value}));
  }

  void send(Request request, const std::vector<uint8_t>& payload, const std::vector<int>& files = {},
            uint32_t flags = kVersion) {
    std::vector<uint8_t> bytes = octets(MessageHeader{request, flags, static_cast<uint32_t>(payload.size())});
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    write(bytes, files);
  }

  void write(std::vector<uint8_t> bytes, const std::vector<int>& files) {
    std::vector<uint8_t> control(files.empty() ? 0 : CMSG_SPACE(sizeof(int) * files.size()));
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!files.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int) * files.size());
      std::memcpy(CMSG_DATA(header), files.data(), sizeof(int) * files.size());
    }
    (void)!sendmsg(socket_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)back_end_->answer();
    std::array<uint8_t, 256> replies;
    while (recv(socket_.number(), replies.data(), replies.size(), MSG_DONTWAIT) > 0) continue;
  }

  Input& input_;
  Fd memory_{memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  Fd kick_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Fd call_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  Fd socket_;
  Owner owner_;
  std::unique_ptr<BackEnd> back_end_;
  std::array<uint16_t, 2> available_{};
};

// Descriptors that the back end forgets to close would run out.
void check_open_files() {
  static size_t runs = 0;
  static size_t first = 0;
  if (++runs % 1024 != 1) return;
  size_t count = 0;
  for (int fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  if (first == 0) first = count;
  require(count <= first + 8, "every descriptor is closed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_open_files();
  Input input(data, size);
  const uint8_t start = input.byte();
  FrontEnd guest(input, {.sealed = (start & 2) != 0});
  if ((start & 4) == 0) {
    const uint64_t without = (start & 8) != 0    ? kEventIndex | kMergedBuffers
                             : (start & 16) != 0 ? kIndirect
                                                 : 0;
    guest.connect(((start & 1) == 0 ? kOfferedFeatures : kOfferedFeatures & ~kOffloadFeatures) & ~without);
  }
  while (!input.empty()) guest.step();
  return 0;
}
