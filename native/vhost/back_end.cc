#include "vhost/back_end.h"

#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "vhost/event_fd.h"

namespace tsvde::vhost {
namespace {

constexpr int kMessagesPerTurn = 16;
// The answer to GET_QUEUE_NUM. QEMU reads it as pairs of queues, and asks for one by default. Cloud
// Hypervisor and crosvm read it as queues, of which they need two.
constexpr uint64_t kQueues = 2;

}  // namespace

// A known request: its format and its handler.
struct BackEnd::Row {
  enum class Files : uint8_t { none, some };
  enum class Names : uint8_t { no_ring, ring, ring_in_number };

  Request request;
  uint32_t size;  // of the payload; the minimum for set_memory_table
  Names names;
  Files files;
  bool answered;  // with a reply of its own, which replaces the acknowledgement
  Violation (BackEnd::*handle)();
};

const BackEnd::Row BackEnd::kRows[] = {
    {Request::get_features, 0, Row::Names::no_ring, Row::Files::none, true, &BackEnd::get_features},
    {Request::set_features, 8, Row::Names::no_ring, Row::Files::none, false, &BackEnd::set_features},
    {Request::set_owner, 0, Row::Names::no_ring, Row::Files::none, false, &BackEnd::ignore},
    {Request::reset_owner, 0, Row::Names::no_ring, Row::Files::none, false, &BackEnd::ignore},
    {Request::set_memory_table, 8, Row::Names::no_ring, Row::Files::some, false, &BackEnd::set_memory_table},
    {Request::set_ring_size, 8, Row::Names::ring, Row::Files::none, false, &BackEnd::set_ring_size},
    {Request::set_ring_addresses, 40, Row::Names::ring, Row::Files::none, false,
     &BackEnd::set_ring_addresses},
    {Request::set_ring_base, 8, Row::Names::ring, Row::Files::none, false, &BackEnd::set_ring_base},
    {Request::get_ring_base, 8, Row::Names::ring, Row::Files::none, true, &BackEnd::get_ring_base},
    {Request::set_ring_kick, 8, Row::Names::ring_in_number, Row::Files::some, false, &BackEnd::set_ring_kick},
    {Request::set_ring_call, 8, Row::Names::ring_in_number, Row::Files::some, false, &BackEnd::set_ring_call},
    {Request::set_ring_error, 8, Row::Names::ring_in_number, Row::Files::some, false,
     &BackEnd::set_ring_error},
    {Request::get_protocol_features, 0, Row::Names::no_ring, Row::Files::none, true,
     &BackEnd::get_protocol_features},
    {Request::set_protocol_features, 8, Row::Names::no_ring, Row::Files::none, false,
     &BackEnd::set_protocol_features},
    {Request::get_queue_number, 0, Row::Names::no_ring, Row::Files::none, true, &BackEnd::get_queue_number},
    {Request::set_ring_enabled, 8, Row::Names::ring, Row::Files::none, false, &BackEnd::set_ring_enabled},
};

BackEnd::BackEnd(Fd socket, Owner& owner, Options options)
    : socket_(std::move(socket)), owner_(owner), memory_(options.sealed) {}

Violation BackEnd::violation() {
  // Truncated memory reads as zeroes, which may have caused the other violation.
  if (memory_.vanished()) violation_ = Violation::memory_vanished;
  return violation_;
}

void BackEnd::refuse(Violation why) {
  if (violation_ == Violation::none) violation_ = why;
}

// --- Messages

bool BackEnd::answer() {
  for (int i = 0; i < kMessagesPerTurn && violation() == Violation::none; i++) {
    switch (reader_.read(socket())) {
      case MessageReader::Outcome::incomplete:
        return true;
      case MessageReader::Outcome::closed:
        return false;
      case MessageReader::Outcome::violated:
        refuse(reader_.violation());
        return false;
      case MessageReader::Outcome::message:
        refuse(handle());
    }
  }
  return violation() == Violation::none;
}

Violation BackEnd::handle() {
  const MessageHeader& header = reader_.header();
  const auto is_request = [&](const Row& row) { return row.request == header.request; };
  const auto* row = std::ranges::find_if(kRows, is_request);
  if (row == std::end(kRows)) return acknowledge(false);
  const bool has_size =
      row->request == Request::set_memory_table ? header.size >= row->size : header.size == row->size;
  if (!has_size) return Violation::bad_size;
  if (row->files == Row::Files::none && reader_.descriptors().count() > 0) return Violation::bad_descriptors;
  if (row->names != Row::Names::no_ring) {
    const auto index = row->names == Row::Names::ring ? reader_.payload_as<uint32_t>()
                                                      : reader_.payload_as<Number>() & kRingMask;
    if (index >= kRings) return Violation::bad_ring_index;
    queue_ = &queues_[index];
  }
  if (const Violation why = (this->*row->handle)(); why != Violation::none) return why;
  return row->answered ? Violation::none : acknowledge(true);
}

// Replies to the current request with eight bytes: a number, or the state of a ring.
Violation BackEnd::reply(uint64_t payload) {
  const MessageHeader header{reader_.header().request, kVersion | kReply, sizeof payload};
  std::array<uint8_t, sizeof header + sizeof payload> bytes;
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(&bytes[sizeof header], &payload, sizeof payload);
  const ssize_t sent = send(socket(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return Violation::none;
  // If the socket was closed, the next read reports the end.
  return sent < 0 && errno != EAGAIN ? Violation::none : Violation::reply_blocked;
}

Violation BackEnd::acknowledge(bool known) {
  const bool wanted = (reader_.header().flags & kNeedsReply) != 0 && (protocol_ & kReplyAckProtocol) != 0;
  return wanted ? reply(known ? 0 : 1) : Violation::none;
}

Violation BackEnd::get_features() {
  return reply(kOfferedFeatures);
}

Violation BackEnd::set_features() {
  const auto features = reader_.payload_as<Number>();
  if ((features & ~kOfferedFeatures) != 0) return Violation::bad_features;
  if ((features & kVersion1) == 0) return Violation::no_version_1;
  features_ = features;
  for (Queue& queue : queues_) queue.ring.set_event_index((features & kEventIndex) != 0);
  owner_.features_accepted(features);
  return Violation::none;
}

Violation BackEnd::get_protocol_features() {
  return reply(kOfferedProtocol);
}

Violation BackEnd::set_protocol_features() {
  const auto features = reader_.payload_as<Number>();
  if ((features & ~kOfferedProtocol) != 0) return Violation::bad_features;
  protocol_ = features;
  return Violation::none;
}

Violation BackEnd::get_queue_number() {
  return reply(kQueues);
}

// SET_OWNER has no effect, since any front end may use the device. RESET_OWNER is deprecated and may be
// ignored.
Violation BackEnd::ignore() {
  return Violation::none;
}

Violation BackEnd::set_memory_table() {
  const auto payload = reader_.payload();
  const auto count = reader_.payload_as<MemoryTableHeader>().count;
  if (count == 0 || count > kRegionsMost) return Violation::bad_region_count;
  if (payload.size() != sizeof(MemoryTableHeader) + size_t{count} * sizeof(MemoryRegion))
    return Violation::bad_size;
  std::array<MemoryRegion, kRegionsMost> regions;
  std::memcpy(regions.data(), &payload[sizeof(MemoryTableHeader)], count * sizeof(MemoryRegion));
  // Publish while the old memory, which holds the entries, is still mapped.
  publish(kReceiveRing);
  publish(kSendRing);
  const Violation why = memory_.replace(std::span(regions).first(count), reader_.descriptors());
  if (why != Violation::none) return why;
  for (Queue& queue : queues_) {
    if (const Violation lost = queue.find(memory_); lost != Violation::none) return lost;
  }
  return Violation::none;
}

Violation BackEnd::set_ring_size() {
  return queue_->set_size(reader_.payload_as<RingNumber>().number);
}

Violation BackEnd::set_ring_addresses() {
  return queue_->set_addresses(reader_.payload_as<RingAddresses>(), memory_);
}

Violation BackEnd::set_ring_base() {
  return queue_->set_base(reader_.payload_as<RingNumber>().number);
}

Violation BackEnd::get_ring_base() {
  close_kick();
  const auto ring = static_cast<uint32_t>(queue_ - queues_.data());
  return reply(std::bit_cast<uint64_t>(RingNumber{ring, queue_->stop()}));
}

Violation BackEnd::set_ring_kick() {
  Fd kick;
  if (const Violation why = take_eventfd(kick); why != Violation::none) return why;
  close_kick();
  if (const Violation why = queue_->set_kick(std::move(kick), memory_); why != Violation::none) return why;
  const auto ring = static_cast<uint32_t>(queue_ - queues_.data());
  if (queue_->kick() >= 0) owner_.kick_opened(ring, queue_->kick());
  return Violation::none;
}

Violation BackEnd::set_ring_call() {
  Fd call;
  if (const Violation why = take_eventfd(call); why != Violation::none) return why;
  queue_->set_call(std::move(call));
  return Violation::none;
}

// The descriptor is closed unused: errors are not reported on it, since a violation ends the connection.
Violation BackEnd::set_ring_error() {
  Fd error;
  return take_eventfd(error);
}

Violation BackEnd::set_ring_enabled() {
  queue_->enabled = reader_.payload_as<RingNumber>().number != 0;
  return Violation::none;
}

// Takes the message's eventfd. Leaves `eventfd` empty if the message says that it has none.
Violation BackEnd::take_eventfd(Fd& eventfd) {
  Descriptors& descriptors = reader_.descriptors();
  const bool none = (reader_.payload_as<Number>() & kNoDescriptor) != 0;
  if (descriptors.count() != (none ? 0 : 1)) return Violation::bad_descriptors;
  if (none) return Violation::none;
  if (!is_eventfd(descriptors.number(0))) return Violation::not_an_eventfd;
  eventfd = descriptors.take(0);
  return Violation::none;
}

void BackEnd::close_kick() {
  if (queue_->kick() >= 0) owner_.kick_closes(queue_->kick());
}

// --- Frames

bool BackEnd::active(uint32_t ring) const {
  const bool accepted = (features_ & kVersion1) != 0;
  const bool enabled = queues_[ring].enabled || (features_ & kProtocolFeatures) == 0;
  return accepted && enabled && queues_[ring].live() && violation_ == Violation::none;
}

Taken BackEnd::take(std::span<uint8_t> room, std::span<iovec> pieces) {
  if (!active(kSendRing)) return {};
  const Taken taken =
      vhost::take(queues_[kSendRing].ring, memory_, (features_ & kIndirect) != 0, room, pieces);
  refuse(taken.violation);
  return taken;
}

Put BackEnd::put(const NetHeader& header, std::span<const iovec> frame) {
  if (violation_ != Violation::none) return Put::violated;
  if (!active(kReceiveRing)) return Put::no_room;
  const PutRules rules{.indirect = (features_ & kIndirect) != 0, .merged = (features_ & kMergedBuffers) != 0};
  Violation why = Violation::none;
  const Put outcome = vhost::put(queues_[kReceiveRing].ring, memory_, rules, header, frame, why);
  refuse(why);
  return outcome;
}

bool BackEnd::publish(uint32_t ring) {
  return queues_[ring].live() && queues_[ring].publish();
}

bool BackEnd::arm(uint32_t ring) {
  if (!active(ring)) return false;
  refuse(queues_[ring].ring.arm());
  return queues_[ring].ring.available() > 0;
}

void BackEnd::disarm(uint32_t ring) {
  if (active(ring)) queues_[ring].ring.disarm();
}

}  // namespace tsvde::vhost
