// The reassembly of IP fragments, against a model that knows of every byte whether it came. The first byte
// chooses between fragments that the model follows, and frames of any bytes.
#include "slirp/reassembly.h"

#include <map>
#include <optional>

#include "fuzz/target.h"

using namespace tsvde;
using namespace tsvde::fuzz;
using slirp::Reassembly;

namespace {

using Bytes = std::vector<uint8_t>;

struct Fragment {
  bool v6;
  uint8_t guest, id, protocol;
  bool options;  // whether there are IPv4 options or an IPv6 destination options header
  size_t offset;
  bool more;
  Bytes data;
};

void put16(Bytes& bytes, size_t value) {
  bytes.push_back(static_cast<uint8_t>(value >> 8));
  bytes.push_back(static_cast<uint8_t>(value));
}

void append(Bytes& to, const Bytes& bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// Returns the frame of a fragment or, if `whole`, of a datagram with the same headers that is not fragmented.
Bytes frame_of(const Fragment& fragment, bool whole = false) {
  Bytes frame = {0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0, 0, fragment.guest};
  const size_t size = fragment.data.size();
  if (fragment.v6) {
    const size_t options = fragment.options ? 8 : 0;
    const uint8_t next = whole ? fragment.protocol : 44;
    append(frame, {0x86, 0xdd, 0x60, 0, 0, 0});
    put16(frame, options + (whole ? 0 : 8) + size);
    append(frame, {fragment.options ? uint8_t{60} : next, 64});
    append(frame, {0xfe, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, fragment.guest});
    append(frame, {0xfe, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
    if (fragment.options) append(frame, {next, 0, 1, 4, 0, 0, 0, 0});
    if (!whole) {
      append(frame, {fragment.protocol, 0});
      put16(frame, fragment.offset | (fragment.more ? 1 : 0));
      append(frame, {0, 0, 0, fragment.id});
    }
  } else {
    const size_t header = fragment.options ? 24 : 20;
    append(frame, {8, 0, static_cast<uint8_t>(0x40 + header / 4), 0});
    put16(frame, header + size);
    append(frame, {0, fragment.id});
    put16(frame, whole ? 0 : fragment.offset / 8 | (fragment.more ? 0x2000 : 0));
    append(frame, {64, fragment.protocol, 0, 0, 10, 0, 2, fragment.guest, 10, 0, 2, 2});
    if (fragment.options) append(frame, {1, 1, 1, 0});
    uint32_t sum = 0;
    for (size_t i = 14; i < frame.size(); i += 2) sum += uint32_t{frame[i]} << 8 | frame[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    frame[24] = static_cast<uint8_t>(~sum >> 8);
    frame[25] = static_cast<uint8_t>(~sum);
  }
  append(frame, fragment.data);
  return frame;
}

class Model {
 public:
  // Returns the frame that the fragment completes; an empty one if it completes none.
  Bytes add(const Fragment& fragment, int64_t now, uint64_t& dropped) {
    const size_t end = fragment.offset + fragment.data.size();
    if (fragment.data.empty() || end > 65535 || (fragment.more && fragment.data.size() % 8 != 0))
      return ++dropped, Bytes{};
    if (fragment.offset == 0 && !fragment.more) return completed(fragment, fragment.data, 1, dropped);
    expire(now, dropped);
    const Key key{fragment.v6, fragment.guest, fragment.id, fragment.v6 ? uint8_t{0} : fragment.protocol};
    if (!datagrams_.contains(key)) {
      if (datagrams_.size() == Reassembly::kDatagrams) evict(dropped);
      datagrams_[key] = {.guest = fragment.guest, .started = now};
    }
    Datagram& datagram = datagrams_[key];
    if (datagram.refused) return ++dropped, Bytes{};
    if (is_duplicate(datagram, fragment, end)) return {};
    if (contradicts(datagram, fragment, end)) {
      dropped += datagram.fragments + 1;
      datagram.fragments = 0;
      datagram.refused = true;
      return {};
    }
    datagram.bytes.resize(std::max(datagram.bytes.size(), end), kUnknown);
    std::ranges::copy(fragment.data, datagram.bytes.begin() + static_cast<long>(fragment.offset));
    datagram.fragments++;
    if (!fragment.more) datagram.total = end;
    if (fragment.offset == 0) datagram.first = fragment;
    const bool complete = std::ranges::find(datagram.bytes, kUnknown) == datagram.bytes.end();
    if (!datagram.first || !datagram.total || !complete) return {};
    const Bytes data(datagram.bytes.begin(), datagram.bytes.end());
    const Fragment first = *datagram.first;
    const uint64_t fragments = datagram.fragments;
    datagrams_.erase(key);
    return completed(first, data, fragments, dropped);
  }

  void expire(int64_t now, uint64_t& dropped) {
    std::erase_if(datagrams_, [&](const auto& entry) {
      const bool late = now - entry.second.started >= Reassembly::kTimeoutMs;
      if (late) dropped += entry.second.fragments;
      return late;
    });
  }

 private:
  static constexpr int kUnknown = -1;
  using Key = std::array<uint8_t, 4>;
  struct Datagram {
    uint8_t guest = 0;
    int64_t started = 0;
    std::vector<int> bytes{};  // up to the end of the last fragment; kUnknown: has not come
    std::optional<size_t> total{};
    std::optional<Fragment> first{};
    uint64_t fragments = 0;
    bool refused = false;
  };

  static bool is_duplicate(const Datagram& datagram, const Fragment& fragment, size_t end) {
    if (end > datagram.bytes.size()) return false;
    const auto* const known = &datagram.bytes[fragment.offset];
    if (!std::equal(fragment.data.begin(), fragment.data.end(), known)) return false;
    return fragment.more == (datagram.total != end);
  }

  static bool contradicts(const Datagram& datagram, const Fragment& fragment, size_t end) {
    for (size_t i = fragment.offset; i < std::min(end, datagram.bytes.size()); i++)
      if (datagram.bytes[i] != kUnknown) return true;  // they overlap
    if (fragment.more) return datagram.total && end >= *datagram.total;
    return datagram.total || datagram.bytes.size() > end;
  }

  // Discards the oldest datagram of the guest that has most.
  void evict(uint64_t& dropped) {
    std::map<uint8_t, size_t> counts;
    for (const auto& [_, datagram] : datagrams_) counts[datagram.guest]++;
    const auto victim = std::ranges::max_element(datagrams_, {}, [&](const auto& entry) {
      return std::pair(counts[entry.second.guest], -entry.second.started);
    });
    dropped += victim->second.fragments;
    datagrams_.erase(victim);
  }

  static Bytes completed(Fragment first, const Bytes& data, uint64_t fragments, uint64_t& dropped) {
    first.data = data;
    const size_t size = data.size() + (first.v6 ? (first.options ? 8 : 0) : (first.options ? 24 : 20));
    const bool is_discovery =
        first.v6 && !first.options && first.protocol == 58 && data[0] >= 133 && data[0] <= 137;
    if (size <= 65535 && !is_discovery) return frame_of(first, true);
    dropped += fragments;
    return {};
  }

  std::map<Key, Datagram> datagrams_;
};

Fragment some_fragment(Input& input) {
  static constexpr std::array<uint8_t, 3> kProtocols = {17, 6, 58};
  const uint8_t kind = input.byte();
  Fragment fragment{};
  fragment.v6 = (kind & 1) != 0;
  fragment.options = (kind & 2) != 0;
  fragment.more = (kind & 4) != 0;
  fragment.guest = static_cast<uint8_t>(1 + kind / 8 % 3);
  fragment.protocol = kProtocols[kind / 32 % 3];
  const uint8_t which = input.byte();
  fragment.id = (which & 0x80) != 0 ? which % 64 : which % 2;
  const uint8_t place = input.byte();
  fragment.offset = place < 240 ? size_t{8} * (place % 16) : size_t{8} * (input.next<uint16_t>() & 0x1fff);
  if (!fragment.v6 && fragment.offset == 0) fragment.more = true;  // otherwise it would not be a fragment
  const uint8_t size = input.byte();
  fragment.data.resize(size < 160 ? size_t{8} * (size % 4) : size < 240 ? size % 40 : size * 37u);
  const uint8_t first = input.one_in(8) ? input.byte() : 0;
  for (size_t i = 0; i < fragment.data.size(); i++)
    fragment.data[i] = static_cast<uint8_t>(first + (fragment.offset + i) % 251);
  return fragment;
}

void follow_model(Input& input) {
  Reassembly reassembly;
  Model model;
  uint64_t dropped = 0;
  uint64_t expected_dropped = 0;
  for (int64_t now = 1000; !input.empty(); now++) {
    if (input.one_in(32)) now += input.byte() * 200;
    const Fragment fragment = some_fragment(input);
    const Bytes expected = model.add(fragment, now, expected_dropped);
    const Bytes frame = frame_of(fragment);
    const auto whole = reassembly.add(frame, now, dropped);
    require(std::ranges::equal(whole, expected),
            "the datagram is complete when the model's is, and the same");
    require(dropped == expected_dropped, "the lost fragments are counted");
  }
}

void take_anything(Input& input) {
  Reassembly reassembly;
  uint64_t dropped = 0;
  for (int64_t now = 1000; !input.empty(); now += input.byte()) {
    Bytes frame = frame_of(some_fragment(input));
    for (uint32_t changes = input.below(4); changes > 0; changes--)
      frame[12 + input.below(60) % (frame.size() - 12)] = input.byte();
    frame.resize(std::max<size_t>(14, frame.size() - std::min<size_t>(frame.size(), input.byte() / 4)));
    const Bytes exact(frame);  // without room behind it, so that the sanitizer notices a read beyond its end
    const uint64_t before = dropped;
    const auto whole = reassembly.add(exact, now, dropped);
    if (whole.empty()) continue;
    if (whole.data() == exact.data()) {
      require(whole.size() == exact.size() && dropped == before, "what is not a fragment passes unchanged");
      continue;
    }
    const bool v6 = whole[12] == 0x86;
    const size_t length = size_t{whole[v6 ? 18 : 16]} << 8 | whole[v6 ? 19 : 17];
    require(whole.size() == length + (v6 ? 54 : 14), "a datagram is as long as its header says");
    require(v6 || (whole[20] == 0 && whole[21] == 0), "a datagram is not a fragment");
  }
}

}  // namespace

FUZZ_TARGET(reassembly) {
  if (input.one_in(4)) {
    take_anything(input);
  } else {
    follow_model(input);
  }
}
