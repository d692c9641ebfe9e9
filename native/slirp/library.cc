// Opens libslirp and finds its functions. A failure is reported as a sentence that names the package to
// install.
#include "slirp/library.h"

#include <dlfcn.h>

#include <cstdio>

namespace tsvde::slirp {
namespace {

constexpr const char* kName = "libslirp.so.0";
constexpr const char* kRemedy = "install the package libslirp0 (Debian, Ubuntu) or libslirp (others)";

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

std::string Library::open() {
  void* library = dlopen(kName, RTLD_NOW | RTLD_LOCAL);  // never closed
  if (library == nullptr) return std::string(dlerror()) + ": " + kRemedy;
  const char* (*version_string)() = nullptr;
  int major = 0;
  int minor = 0;
  if (find(library, "slirp_version_string", version_string)) version = version_string();
  const bool enough = std::sscanf(version.c_str(), "%d.%d", &major, &minor) == 2 && major == 4 && minor >= 7;
  if (!enough)
    return "libslirp " + (version.empty() ? "of an unknown version" : version) +
           " cannot be used: it must be 4.7 or a later 4.x; " + kRemedy + ", from a newer release";
  const bool complete =
      find(library, "slirp_new", create) && find(library, "slirp_cleanup", cleanup) &&
      find(library, "slirp_pollfds_fill", pollfds_fill) &&
      find(library, "slirp_pollfds_poll", pollfds_poll) && find(library, "slirp_input", input) &&
      find(library, "slirp_handle_timer", handle_timer) &&
      find(library, "slirp_add_hostxfwd", add_hostxfwd) &&
      find(library, "slirp_remove_hostxfwd", remove_hostxfwd) && find(library, "slirp_add_unix", add_unix) &&
      find(library, "slirp_connection_info", connection_info) && find(library, "g_free", free_text) &&
      find(library, "g_shell_parse_argv", split_command) && find(library, "g_strfreev", free_words);
  return complete ? "" : "libslirp " + version + " lacks functions: " + kRemedy;
}

}  // namespace tsvde::slirp
