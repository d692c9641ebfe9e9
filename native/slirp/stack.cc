// Connects libslirp's callbacks to poll(2), batches of frames and timers; see stack.h.
#include "slirp/stack.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <tuple>
#include <utility>

namespace tsvde::slirp {
namespace {

int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

int64_t now_ms() {
  return now_ns() / 1'000'000;
}

// The list of guests is reported to the switch at most once per kGuestsMs on average, with bursts of up to
// kGuestsBurst reports.
constexpr int64_t kGuestsMs = 20;
constexpr int64_t kGuestsBurst = 32;

// libslirp's names for the events of poll(2).
constexpr std::array<std::pair<int, int>, 5> kEvents = {{{kSlirpPollIn, POLLIN},
                                                         {kSlirpPollOut, POLLOUT},
                                                         {kSlirpPollPri, POLLPRI},
                                                         {kSlirpPollErr, POLLERR},
                                                         {kSlirpPollHup, POLLHUP}}};

// Returns the size of an address. libslirp accepts a unix address only in its full size.
socklen_t size_of(const sockaddr_storage& address) {
  switch (address.ss_family) {
    case AF_UNIX:
      return sizeof(sockaddr_un);
    case AF_INET6:
      return sizeof(sockaddr_in6);
    default:
      return sizeof(sockaddr_in);
  }
}

int flags_of(const sockaddr_storage& host, bool udp) {
  return (udp ? kSlirpHostfwdUdp : 0) | (host.ss_family == AF_INET6 ? kSlirpHostfwdV6Only : 0);
}

const sockaddr* any(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

SlirpConfig slirp_config(const Config& config, const std::vector<const char*>& search) {
  const auto text = [](const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; };
  SlirpConfig result{};
  result.version = kSlirpConfigVersion;
  result.restricted = config.restricted ? 1 : 0;
  result.in_enabled = config.ipv4;
  result.vnetwork = config.net;
  result.vnetmask = config.mask;
  result.vhost = config.host;
  result.in6_enabled = config.ipv6;
  result.vprefix_addr6 = config.ipv6_prefix;
  result.vprefix_len = config.ipv6_prefix_length;
  result.vhost6 = config.ipv6_host;
  result.vhostname = text(config.hostname);
  result.tftp_server_name = text(config.tftp_server_name);
  result.tftp_path = text(config.tftp);
  result.bootfile = text(config.boot_file);
  result.vdhcp_start = config.dhcp_start;
  result.vnameserver = config.dns;
  result.vnameserver6 = config.ipv6_dns;
  result.vdnssearch = config.dns_search.empty() ? nullptr : const_cast<const char**>(search.data());
  result.vdomainname = text(config.domain_name);
  result.if_mtu = config.mtu;
  result.if_mru = config.mtu;
  result.disable_host_loopback = !config.host_loopback;
  result.disable_dhcp = true;  // LeaseServer answers DHCP
  return result;
}

}  // namespace

const SlirpCb& Stack::callbacks() {
  static constexpr auto self = [](void* opaque) { return static_cast<Stack*>(opaque); };
  static const SlirpCb table = {
      .send_packet = [](const void* bytes, size_t size,
                        void* opaque) { return self(opaque)->send(bytes, size); },
      .guest_error = [](const char*, void*) {},  // guests can cause these at will, so they are not logged
      .clock_get_ns = [](void*) { return now_ns(); },
      .timer_new = nullptr,
      .timer_free =
          [](void* timer, void* opaque) {
            std::erase_if(self(opaque)->timers_, [timer](const auto& owned) { return owned.get() == timer; });
          },
      .timer_mod = [](void* timer, int64_t at_ms, void*) { static_cast<Timer*>(timer)->at_ms = at_ms; },
      .register_poll_fd = [](int, void*) {},  // fill() collects all descriptors in every turn
      .unregister_poll_fd = [](int, void*) {},
      .notify = [](void*) {},  // nothing to do: libslirp runs in every turn of the loop
      .init_completed = [](Slirp*, void*) {},
      .timer_new_opaque = [](int id, void* timer_opaque, void* opaque) -> void* {
        return self(opaque)
            ->timers_.emplace_back(std::make_unique<Timer>(Timer{.id = id, .opaque = timer_opaque}))
            .get();
      },
  };
  return table;
}

Stack::Stack(const Library& library, const Config& config, int frames)
    : library_(library),
      filter_(config),
      frames_(frames),
      guests_(config),
      lease_server_(config,
                    {.send = [this](auto frame) { std::ignore = send(frame.data(), frame.size()); },
                     .ask = [this](const std::string& question) { lines_.push_back(question); },
                     .leased = [this](const Mac& guest, in_addr address) { guests_.learn(guest, address); },
                     .note =
                         [this](bool warning, const std::string& sentence) {
                           lines_.push_back((warning ? "warning " : "note ") + sentence);
                         }}),
      dns_relay_(config, {.send = [this](auto frame) { std::ignore = send(frame.data(), frame.size()); },
                          .warn = [this](const std::string& text) { lines_.push_back("warning " + text); }}),
      slot_(config.mtu + 64),  // room for the header; with the usual MTU, slots do not share one cache set
      in_(std::make_unique_for_overwrite<uint8_t[]>(kBatch * slot_)),
      out_(std::make_unique_for_overwrite<uint8_t[]>(kBatch * slot_)) {
  for (uint32_t i = 0; i < kBatch; i++) {
    in_parts_[i] = {&in_[i * slot_], slot_};
    out_parts_[i] = {&out_[i * slot_], 0};
    in_headers_[i].msg_hdr.msg_iov = &in_parts_[i];
    in_headers_[i].msg_hdr.msg_iovlen = 1;
    out_headers_[i].msg_hdr.msg_iov = &out_parts_[i];
    out_headers_[i].msg_hdr.msg_iovlen = 1;
  }
  // A lost frame costs libslirp a timeout, so sending waits for the switch, but only for a limited time.
  constexpr timeval kSendTimeout = {.tv_sec = 1, .tv_usec = 0};
  setsockopt(frames, SOL_SOCKET, SO_SNDTIMEO, &kSendTimeout, sizeof kSendTimeout);
  std::vector<const char*> search;
  for (const std::string& domain : config.dns_search) search.push_back(domain.c_str());
  search.push_back(nullptr);
  const SlirpConfig given = slirp_config(config, search);
  slirp_ = library_.create(&given, &callbacks(), this);
  if (slirp_ == nullptr) failure_ = "libslirp " + library_.version + " refuses these settings";
}

Stack::~Stack() {
  if (slirp_ != nullptr) library_.cleanup(slirp_);
}

void Stack::fill(std::vector<pollfd>& polled, int& timeout_ms) {
  polled_ = &polled;
  auto timeout = static_cast<uint32_t>(timeout_ms);
  library_.pollfds_fill(
      slirp_, &timeout,
      [](int fd, int events, void* opaque) {
        auto& polled = *static_cast<Stack*>(opaque)->polled_;
        pollfd wanted{.fd = fd, .events = 0, .revents = 0};
        for (const auto& [ours, theirs] : kEvents)
          if ((events & ours) != 0) wanted.events = static_cast<short>(wanted.events | theirs);
        polled.push_back(wanted);
        return static_cast<int>(polled.size()) - 1;
      },
      this);
  timeout_ms = static_cast<int>(timeout);
  for (const auto& timer : timers_)
    if (timer->at_ms >= 0)
      timeout_ms = static_cast<int>(std::clamp<int64_t>(timer->at_ms - now_ms(), 0, timeout_ms));
  dns_relay_.fill(polled);
  std::optional<int64_t> due = lease_server_.due();
  if (guests_.changed()) due = std::min(due.value_or(INT64_MAX), guests_due_ms_);
  if (due) timeout_ms = static_cast<int>(std::clamp<int64_t>(*due - now_ms(), 0, timeout_ms));
}

void Stack::dispatch(std::vector<pollfd>& polled, bool poll_failed) {
  polled_ = &polled;
  library_.pollfds_poll(
      slirp_, poll_failed ? 1 : 0,
      [](int index, void* opaque) {
        const auto& polled = *static_cast<Stack*>(opaque)->polled_;
        int events = 0;
        for (const auto& [ours, theirs] : kEvents)
          if ((polled[static_cast<size_t>(index)].revents & theirs) != 0) events |= ours;
        return events;
      },
      this);
  dns_relay_.dispatch(polled, now_ms());
  reassembly_.expire(now_ms(), drops_.fragments);
  run_timers();
  flush();
}

void Stack::run_timers() {
  const int64_t now = now_ms();
  // The loop uses an index, since a timer that fires may create or free timers.
  for (size_t i = 0; i < timers_.size(); i++) {
    Timer& timer = *timers_[i];
    if (timer.at_ms < 0 || timer.at_ms > now) continue;
    timer.at_ms = -1;
    library_.handle_timer(slirp_, timer.id, timer.opaque);
  }
}

void Stack::receive() {
  const int count = recvmmsg(frames_, in_headers_.data(), kBatch, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  for (int i = 0; i < count; i++) {
    const size_t size = in_headers_[i].msg_len;
    const auto* bytes = static_cast<const uint8_t*>(in_parts_[i].iov_base);
    switch (filter_.judge({bytes, std::min(size, slot_)}, size)) {
      case Verdict::pass:
        input({bytes, size});
        break;
      case Verdict::too_short:
        drops_.too_short++;
        break;
      case Verdict::too_long:
        drops_.too_long++;
        break;
      case Verdict::not_for_us:
        drops_.not_for_us++;
        break;
    }
  }
  flush();
}

void Stack::input(std::span<const uint8_t> frame) {
  const auto whole = reassembly_.add(frame, now_ms(), drops_.fragments);
  if (whole.empty()) return;
  watch(whole);
  if (!lease_server_.receive(whole, now_ms()) && !dns_relay_.receive(whole, now_ms()))
    library_.input(slirp_, whole.data(), static_cast<int>(whole.size()));
}

void Stack::watch(std::span<const uint8_t> frame) {
  Mac source;
  std::ranges::copy(frame.subspan(6, 6), source.begin());
  lease_server_.heard(source);
  const in_addr address = guests_.learn(frame);
  if (address.s_addr != 0) lease_server_.leases().use(source, address, now_ms());
}

std::vector<std::string> Stack::take_lines() {
  lease_server_.run(now_ms());
  if (guests_.changed() && now_ms() >= guests_due_ms_) {
    guests_due_ms_ = std::max(guests_due_ms_, now_ms() - kGuestsBurst * kGuestsMs) + kGuestsMs;
    lines_.push_back("guests " + guests_.text(lease_server_.leases().leased()));
  }
  flush();  // sends frames that the switch's answers or the end of a probe have caused
  return std::exchange(lines_, {});
}

ssize_t Stack::send(const void* bytes, size_t size) {
  if (size > slot_) return static_cast<ssize_t>(size);  // never happens, since libslirp knows our MTU
  if (collected_ == kBatch) flush();
  std::memcpy(out_parts_[collected_].iov_base, bytes, size);
  out_parts_[collected_].iov_len = size;
  collected_++;
  return static_cast<ssize_t>(size);
}

void Stack::flush() {
  uint32_t sent = 0;
  while (sent < collected_) {
    const int count = sendmmsg(frames_, &out_headers_[sent], collected_ - sent, MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<uint32_t>(count);
    } else if (errno != EINTR) {
      break;  // the switch is gone or does not read
    }
  }
  drops_.not_taken += collected_ - sent;
  collected_ = 0;
}

int Stack::add_host_forward(sockaddr_storage& host, const sockaddr_storage& guest, bool udp) {
  // The kernel gives libslirp's new socket the lowest free descriptor, which is `next`. We find the socket's
  // port through that number.
  const int next = dup(frames_);
  if (next < 0) return errno;
  close(next);
  adding_forward_ = true;
  const int failed = library_.add_hostxfwd(slirp_, any(host), size_of(host), any(guest), size_of(guest),
                                           flags_of(host, udp));
  adding_forward_ = false;
  if (failed != 0) return errno;
  auto& port = reinterpret_cast<sockaddr_in&>(host).sin_port;
  if (host.ss_family == AF_UNIX || port != 0) return 0;
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(next, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return errno;
  if (bound.ss_family != host.ss_family) return EIO;
  port = reinterpret_cast<sockaddr_in&>(bound).sin_port;  // an IPv6 address has its port at the same offset
  return 0;
}

int Stack::remove_host_forward(const sockaddr_storage& host, bool udp) {
  const int failed = library_.remove_hostxfwd(slirp_, any(host), size_of(host), flags_of(host, udp));
  return failed == 0 ? 0 : ENOENT;
}

bool Stack::add_unix_forward(const char* path, in_addr guest, uint16_t port) {
  return library_.add_unix(slirp_, path, &guest, port) == 0;
}

std::string Stack::connections() const {
  char* text = library_.connection_info(slirp_);
  std::string result = text;
  library_.free_text(text);
  return result;
}

}  // namespace tsvde::slirp
