#include "addon/engine_values.h"

#include <algorithm>
#include <cstring>

#include "engine/endpoints/addressed.h"
#include "engine/endpoints/datagram.h"
#include "engine/endpoints/stream.h"
#include "engine/endpoints/tap.h"
#include "engine/endpoints/vhost_user.h"

using tsvde::Event;
using tsvde::Fd;

namespace {

tsvde::Address address_of(const Napi::Value& value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  tsvde::Address address;
  address.size = static_cast<socklen_t>(std::min(bytes.ByteLength(), sizeof address.bytes));
  std::memcpy(&address.bytes, bytes.Data(), address.size);
  return address;
}

}  // namespace

std::string mac_text(tsvde::MacKey key) {
  char text[18];
  const auto byte = [key](int i) { return static_cast<unsigned>(key >> (8 * i) & 0xff); };
  snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", byte(0), byte(1), byte(2), byte(3), byte(4),
           byte(5));
  return text;
}

namespace {

const char* change_text(tsvde::MacTable::Change change) {
  switch (change) {
    case tsvde::MacTable::Change::added:
      return "added";
    case tsvde::MacTable::Change::moved:
      return "moved";
    case tsvde::MacTable::Change::aged_out:
      return "aged-out";
    case tsvde::MacTable::Change::evicted:
      return "evicted";
    case tsvde::MacTable::Change::forgotten:
      return "forgotten";
  }
  return "";
}

// Sets the address and the VLAN of a key of the MAC table.
void set_address(Napi::Object& object, tsvde::MacKey key) {
  object.Set("mac", mac_text(key));
  object.Set("vlan", static_cast<uint32_t>(key >> 48));
}

}  // namespace

Napi::Object event_object(Napi::Env env, const Event& event) {
  Napi::Object object = Napi::Object::New(env);
  switch (event.kind) {
    case Event::Kind::endpoint_ended:
      object.Set("type", "endpoint-ended");
      object.Set("port", event.port);
      object.Set("endpoint", event.endpoint);
      object.Set("errno", event.error);
      if (event.reason != nullptr) {
        object.Set("reason", event.reason);
        object.Set("text", event.text);
      }
      break;
    case Event::Kind::endpoint_notice:
      object.Set("type", "endpoint-notice");
      object.Set("port", event.port);
      object.Set("endpoint", event.endpoint);
      object.Set("text", event.text);
      break;
    case Event::Kind::capture_ended:
      object.Set("type", "capture-ended");
      object.Set("capture", event.capture);
      object.Set("errno", event.error);
      break;
    case Event::Kind::mac_moved:
      object.Set("type", "mac-moved");
      set_address(object, event.key);
      object.Set("from", event.port);
      object.Set("to", event.elsewhere);
      break;
    case Event::Kind::mac_flapping:
      object.Set("type", "mac-flapping");
      set_address(object, event.key);
      object.Set("port", event.port);
      object.Set("elsewhere", event.elsewhere);
      object.Set("seconds", event.seconds);
      break;
    case Event::Kind::mac_changed:
      object.Set("type", "mac-changed");
      object.Set("change", change_text(event.change));
      set_address(object, event.key);
      object.Set("port", event.port);
      object.Set("previous", event.elsewhere);
      break;
    case Event::Kind::bpdu:
      object.Set("type", "bpdu");
      object.Set("port", event.port);
      object.Set("vlan", static_cast<uint32_t>(event.vlan));
      object.Set("bytes", Napi::Buffer<uint8_t>::Copy(env, event.bytes.data(), event.bytes.size()));
      break;
    case Event::Kind::received:
    case Event::Kind::transmitted:
      object.Set("type", event.kind == Event::Kind::received ? "frame-received" : "frame-transmitted");
      object.Set("port", event.port);
      object.Set("bytes", Napi::Buffer<uint8_t>::Copy(env, event.bytes.data(), event.bytes.size()));
      break;
  }
  return object;
}

std::unique_ptr<tsvde::Endpoint> make_endpoint(const Napi::Object& transport) {
  const std::string kind = transport.Get("kind").As<Napi::String>();
  Fd fd(transport.Get("fd").As<Napi::Number>());
  if (kind == "tap") return std::make_unique<tsvde::Tap>(std::move(fd));
  if (kind == "stream") {
    using Padding = tsvde::Stream::Padding;
    const bool padding = transport.Get("padding").ToBoolean();
    return std::make_unique<tsvde::Stream>(std::move(fd), padding ? Padding::kept : Padding::removed);
  }
  if (kind == "vhost-user") {
    return std::make_unique<tsvde::VhostUser>(
        std::move(fd),
        tsvde::VhostUser::Options{.offload = transport.Get("offload").ToBoolean(),
                                  .back_end = {.sealed = transport.Get("sealed").ToBoolean()}});
  }
  if (kind == "peer") {
    const auto names = transport.Get("also").As<Napi::Array>();
    std::vector<tsvde::Address> also;
    for (uint32_t i = 0; i < names.Length(); i++) also.push_back(address_of(names.Get(i)));
    return std::make_unique<tsvde::Peer>(std::move(fd), address_of(transport.Get("peer")), std::move(also));
  }
  if (kind == "multicast") {
    Fd sender(transport.Get("senderFd").As<Napi::Number>());
    return std::make_unique<tsvde::Multicast>(std::move(fd), std::move(sender));
  }
  if (kind == "datagram") {
    using Buffer = tsvde::Datagram::SendBuffer;
    const bool small = transport.Get("smallBuffer").ToBoolean();
    return std::make_unique<tsvde::Datagram>(std::move(fd), small ? Buffer::kSmall : Buffer::kLarge);
  }
  throw Napi::TypeError::New(transport.Env(), "there is no transport of kind '" + kind + "'");
}

std::optional<tsvde::Bpf> filter_of(const Napi::Uint32Array& words) {
  std::vector<tsvde::Bpf::Instruction> program;
  for (size_t i = 0; i + 4 <= words.ElementLength(); i += 4) {
    program.push_back({static_cast<uint16_t>(words[i]), static_cast<uint8_t>(words[i + 1]),
                       static_cast<uint8_t>(words[i + 2]), words[i + 3]});
  }
  return tsvde::Bpf::checked(std::move(program));
}

namespace {

// Sets the ports and the directions of a capture or a mirror.
template <typename Settings>
void set_selection(Settings& settings, const Napi::Object& given) {
  const auto ports = given.Get("ports").As<Napi::Array>();
  for (uint32_t i = 0; i < ports.Length(); i++)
    settings.ports.push_back(ports.Get(i).As<Napi::Number>().Uint32Value());
  const std::string direction = given.Get("direction").As<Napi::String>();
  settings.received = direction != "tx";
  settings.transmitted = direction != "rx";
}

}  // namespace

tsvde::MirrorSettings mirror_settings(const Napi::Object& given) {
  tsvde::MirrorSettings settings;
  set_selection(settings, given);
  settings.vlan = static_cast<uint16_t>(given.Get("vlan").As<Napi::Number>().Uint32Value());
  return settings;
}

tsvde::CaptureSettings capture_settings(const Napi::Object& given) {
  tsvde::CaptureSettings settings;
  set_selection(settings, given);
  settings.snap_length = given.Get("snapLength").As<Napi::Number>().Uint32Value();
  settings.drops = given.Get("drops").ToBoolean();
  settings.count = static_cast<uint64_t>(given.Get("count").As<Napi::Number>().Int64Value());
  settings.application = given.Get("application").As<Napi::String>();
  if (!given.Has("filter")) return settings;
  settings.filter = filter_of(given.Get("filter").As<Napi::Uint32Array>());
  if (!settings.filter) throw Napi::TypeError::New(given.Env(), "the filter is not a valid BPF program");
  return settings;
}

Napi::Object capture_stats_object(Napi::Env env, const tsvde::CaptureStats& stats) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("frames", Napi::BigInt::New(env, stats.frames));
  object.Set("bytes", Napi::BigInt::New(env, stats.bytes));
  object.Set("lost", Napi::BigInt::New(env, stats.lost));
  object.Set("finishing", stats.finishing);
  object.Set("ended", stats.ended);
  object.Set("errno", stats.error);
  return object;
}
