// libslirp, the library that QEMU also uses, opened at run time.
#pragma once

#include <string>

#include "slirp/abi.h"

namespace tsvde::slirp {

struct Library {
  std::string version;  // such as "4.7.0"

  Slirp* (*create)(const SlirpConfig*, const SlirpCb*, void* opaque);
  void (*cleanup)(Slirp*);
  void (*pollfds_fill)(Slirp*, uint32_t* timeout_ms, int (*add)(int fd, int events, void*), void*);
  void (*pollfds_poll)(Slirp*, int poll_failed, int (*revents)(int index, void*), void*);
  void (*input)(Slirp*, const uint8_t* frame, int size);
  void (*handle_timer)(Slirp*, int id, void* callback_opaque);
  int (*add_hostxfwd)(Slirp*, const sockaddr* host, socklen_t, const sockaddr* guest, socklen_t, int flags);
  int (*remove_hostxfwd)(Slirp*, const sockaddr* host, socklen_t, int flags);
  int (*add_unix)(Slirp*, const char* path, in_addr* guest, int port);
  char* (*connection_info)(Slirp*);
  void (*free_text)(void*);  // GLib's g_free(), for the result of connection_info()
  // GLib's g_shell_parse_argv() and g_strfreev(), by which libslirp splits the command lines of guestfwd
  int (*split_command)(const char* command, int* count, char*** words, void** error);
  void (*free_words)(char** words);

  // Opens the library and fills in every field. Returns "", or a sentence that says what to install.
  [[nodiscard]] std::string open();
};

}  // namespace tsvde::slirp
