// The part of libslirp 4.7's interface that we use, declared here so that libslirp is not needed for building
// (libslirp.h, "Fields introduced in SlirpConfig version 4"). Later versions of libslirp accept this layout
// too.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

extern "C" {

struct Slirp;

constexpr uint32_t kSlirpConfigVersion = 4;

constexpr int kSlirpPollIn = 1 << 0;
constexpr int kSlirpPollOut = 1 << 1;
constexpr int kSlirpPollPri = 1 << 2;
constexpr int kSlirpPollErr = 1 << 3;
constexpr int kSlirpPollHup = 1 << 4;

constexpr int kSlirpHostfwdUdp = 1;
constexpr int kSlirpHostfwdV6Only = 2;

// The members are in libslirp's order. None may be null, except timer_new if timer_new_opaque is set.
struct SlirpCb {
  ssize_t (*send_packet)(const void* bytes, size_t size, void* opaque);
  void (*guest_error)(const char* message, void* opaque);
  int64_t (*clock_get_ns)(void* opaque);
  void* (*timer_new)(void (*callback)(void*), void* callback_opaque, void* opaque);
  void (*timer_free)(void* timer, void* opaque);
  void (*timer_mod)(void* timer, int64_t expire_ms, void* opaque);
  void (*register_poll_fd)(int fd, void* opaque);
  void (*unregister_poll_fd)(int fd, void* opaque);
  void (*notify)(void* opaque);
  void (*init_completed)(Slirp* slirp, void* opaque);
  void* (*timer_new_opaque)(int id, void* callback_opaque, void* opaque);
};

struct SlirpConfig {
  uint32_t version;
  int restricted;
  bool in_enabled;
  in_addr vnetwork;
  in_addr vnetmask;
  in_addr vhost;
  bool in6_enabled;
  in6_addr vprefix_addr6;
  uint8_t vprefix_len;
  in6_addr vhost6;
  const char* vhostname;
  const char* tftp_server_name;
  const char* tftp_path;
  const char* bootfile;
  in_addr vdhcp_start;
  in_addr vnameserver;
  in6_addr vnameserver6;
  const char** vdnssearch;
  const char* vdomainname;
  size_t if_mtu;
  size_t if_mru;
  bool disable_host_loopback;
  bool enable_emu;
  sockaddr_in* outbound_addr;
  sockaddr_in6* outbound_addr6;
  bool disable_dns;
  bool disable_dhcp;
};

}  // extern "C"
