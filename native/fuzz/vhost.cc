// Messages and rings of a hostile front end. Operations write to the guest's memory, send messages and files,
// truncate the memory, and let the back end answer and move frames.
#include "fuzz/vhost_front_end.h"

using namespace tsvde;
using namespace tsvde::fuzz;

namespace {

class Guest : FrontEnd {
 public:
  Guest(Input& input, BackEnd::Options options) : FrontEnd(options), input_(input) {}
  using FrontEnd::connect;

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
        write_memory(ring * kPage + kAvailableAt + 4 + 2 * (available[ring]++ % kEntries), octets(head));
        write_memory(ring * kPage + kAvailableAt + 2, octets(available[ring]));
        break;
      }
      case 5: {  // let an index jump
        const uint32_t ring = input_.byte() % 2;
        available[ring] = static_cast<uint16_t>(available[ring] + input_.byte() % 20 - 2);
        write_memory(ring * kPage + kAvailableAt + 2, octets(available[ring]));
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
          (void)back_end->arm(ring);
          back_end->disarm(ring);
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
          (void)!ftruncate(memory.number(), static_cast<off_t>(input_.byte() % 17 * kPage));
        break;
      case 15:
        back_end->publish(BackEnd::kReceiveRing);
        back_end->publish(BackEnd::kSendRing);
        break;
    }
    if (back_end->violation() == Violation::none) return;
    require(!back_end->active(0) && !back_end->active(1), "a ring is not active after a violation");
    require(!back_end->answer(), "nothing is answered after a violation");
  }

 private:
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
    static std::array<uint8_t, 16384> room;
    static std::array<iovec, 8> pieces;
    const auto space = std::span(room).first(input_.byte() * 64U);
    const Taken taken = back_end->take(space, std::span(pieces).first(input_.byte() % (pieces.size() + 1)));
    require(!taken.frame || taken.violation == Violation::none, "a frame is not a violation");
    if (!taken.frame || taken.lent == 0) return;
    size_t at = kCopied;
    for (const iovec& piece : std::span(pieces).first(taken.lent)) {
      require(at + piece.iov_len <= space.size(), "a lent frame fits into its room");
      std::memcpy(&room[at], piece.iov_base, piece.iov_len);
      at += piece.iov_len;
    }
    require(at == taken.size && at >= kLendFrom, "only the rest of a long frame is lent");
  }

  void put() {
    static std::array<uint8_t, 9000> frame;
    const size_t size = 14 + (input_.byte() * 32U);
    const std::array parts{iovec{frame.data(), 14}, iovec{frame.data() + 14, size - 14}};
    const Put outcome = back_end->put({}, parts);
    require(outcome != Put::violated || back_end->violation() != Violation::none, "a violation has a reason");
  }

  [[nodiscard]] std::vector<int> some_files(uint8_t which) const {
    const std::array all{memory.number(), kick.number(), call.number(), socket.number()};
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
        available[ring] = 0;
        return pair(Request::get_ring_base, ring, operand);
      case 5:
        return pair(Request::set_ring_enabled, ring, operand % 2);
      case 6:
        return send(Request::set_ring_kick, octets(uint64_t{ring}), {kick.number()});
      case 7:
        return send(Request::set_ring_call, octets(uint64_t{ring}), {call.number()});
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

  Input& input_;
};

}  // namespace

FUZZ_TARGET(vhost) {
  const uint8_t start = input.byte();
  Guest guest(input, {.sealed = (start & 2) != 0});
  if ((start & 4) == 0) {
    const uint64_t without = (start & 8) != 0    ? kEventIndex | kMergedBuffers
                             : (start & 16) != 0 ? kIndirect
                                                 : 0;
    guest.connect(((start & 1) == 0 ? kOfferedFeatures : kOfferedFeatures & ~kOffloadFeatures) & ~without);
  }
  while (!input.empty()) guest.step();
}
