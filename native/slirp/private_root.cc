// Uses unprivileged user namespaces (user_namespaces(7)), so that neither the stack nor the switch needs
// CAP_SYS_ADMIN; see private_root.h.
#include "slirp/private_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <string_view>

#include "engine/fd.h"

namespace tsvde::slirp {
namespace {

constexpr const char* kResolverFile = "/etc/resolv.conf";
constexpr const char* kCurrent = "/tftp";
// A directory that every system has, to mount the new root on before it becomes the root.
constexpr const char* kBase = "/proc";

std::string resolved() {
  char path[PATH_MAX];
  return realpath(kResolverFile, path) != nullptr ? path : kResolverFile;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

bool write_file(const char* path, const std::string& text) {
  const Fd file(open(path, O_WRONLY | O_CLOEXEC));
  return write(file.number(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Maps only the user and the group of this process, each to the same number.
bool map_ids(uid_t user, gid_t group) {
  const auto line = [](auto id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
  return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/uid_map", line(user)) &&
         write_file("/proc/self/gid_map", line(group));
}

void make_directories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
    mkdir(path.substr(0, slash).c_str(), 0755);
  mkdir(path.c_str(), 0755);
}

bool bind_below(const std::string& base, const std::string& directory, const char* source) {
  const std::string at = base + directory;
  make_directories(at);
  return mount(source, at.c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0;
}

bool show_resolver(const std::string& base) {
  const std::string file = resolved();
  const std::string directory = parent_of(file);
  if (!bind_below(base, directory, directory.c_str())) return false;
  if (file == kResolverFile) return true;
  const std::string link = base + kResolverFile;
  make_directories(parent_of(link));
  return symlink(file.c_str(), link.c_str()) == 0;
}

}  // namespace

std::string resolver_directory() {
  return parent_of(resolved());
}

std::string enter_private_root(bool keep_current) {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0) return "unshare";
  if (!map_ids(user, group)) return "uid_map";
  const std::string base = kBase;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tsvde-slirp", kBase, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") != 0)
    return "mount";
  if (!show_resolver(base) || (keep_current && !bind_below(base, kCurrent, "."))) return "bind";
  // The old root is stacked upon the new one, and then removed (pivot_root(2)).
  if (chdir(kBase) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0) {
    // pivot_root() fails if the root is the initial ramfs. Makes the directory to serve the current one
    // again, which chdir(kBase) has changed.
    return chdir((base + kCurrent).c_str()) == 0 || !keep_current ? "pivot_root" : "chdir";
  }
  if (chdir(keep_current ? kCurrent : "/") != 0) return "chdir";
  return mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
               nullptr) == 0
             ? ""
             : "remount";
}

}  // namespace tsvde::slirp
