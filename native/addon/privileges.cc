// Gives up privileges in every thread of the process, since Node has several before any JavaScript runs.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "addon/addon.h"
#include "confine/capabilities.h"
#include "confine/every_thread.h"

namespace confine = tsvde::confine;

namespace {

std::atomic<uint64_t> kept_capabilities;
std::atomic<uint64_t> passed_on;
std::atomic<int> failed;
bool is_bounded = false;  // whether the bounding set and no_new_privs are set

// These run in each thread, in a signal handler, so they only make system calls and use atomics.
void drop() {
  if (!confine::keep_capabilities(kept_capabilities)) failed = errno;
}

void bound_and_drop() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  confine::keep_capabilities(~confine::Capabilities{0});  // makes all that are permitted effective
  confine::bound_capabilities(passed_on);  // fails unless the user is root; other users pass none on anyway
  drop();
}

confine::Capabilities capabilities(const Napi::Value& value) {
  const auto numbers = value.As<Napi::Array>();
  confine::Capabilities all = 0;
  for (uint32_t i = 0; i < numbers.Length(); i++)
    all |= confine::capability(numbers.Get(i).As<Napi::Number>().Int32Value());
  return all;
}

// Takes the numbers of the capabilities that are kept, and of those that programs which we start may have.
// The first call decides about those programs, since the kernel gives nothing back.
void drop_privileges(const Napi::CallbackInfo& info) {
  kept_capabilities = capabilities(info[0]);
  if (!is_bounded) passed_on = capabilities(info[1]);
  failed = 0;
  int error = confine::in_every_thread(is_bounded ? drop : bound_and_drop);
  if (error == 0) error = failed;
  is_bounded = is_bounded || error == 0;
  if (error != 0) throw errno_error(info.Env(), error, "capset");
}

// Sets the groups that the account database gives the user, or only `group` for a user who is not in it.
int set_groups(uid_t user, gid_t group) {
  const passwd* account = getpwuid(user);
  return account != nullptr ? initgroups(account->pw_name, group) : setgroups(1, &group);
}

// Becomes another user: libc changes the user of every thread. The permitted capabilities are kept;
// drop_privileges() makes those effective that remain.
void become_user(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto user = info[0].As<Napi::Number>().Uint32Value();
  const auto group = info[1].As<Napi::Number>().Uint32Value();
  const int error = confine::in_every_thread([] { prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); });
  if (error != 0) throw errno_error(env, error, "prctl");
  if (set_groups(user, group) != 0) throw errno_error(env, errno, "setgroups");
  if (setresgid(group, group, group) != 0) throw errno_error(env, errno, "setresgid");
  if (setresuid(user, user, user) != 0) throw errno_error(env, errno, "setresuid");
}

// Returns the primary group of a user; undefined for a user who is not in the account database.
Napi::Value primary_group(const Napi::CallbackInfo& info) {
  const passwd* account = getpwuid(info[0].As<Napi::Number>().Uint32Value());
  return account == nullptr ? info.Env().Undefined() : Napi::Number::New(info.Env(), account->pw_gid);
}

Napi::Value has_capability(const Napi::CallbackInfo& info) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  const int number = info[0].As<Napi::Number>();
  const bool has =
      syscall(SYS_capget, &header, sets) == 0 && ((sets[number / 32].effective >> (number % 32)) & 1) != 0;
  return Napi::Boolean::New(info.Env(), has);
}

// Checks with the effective user and its capabilities; access(2) would check with the real user.
void check_read_write(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>();
  if (faccessat(AT_FDCWD, path.c_str(), R_OK | W_OK, AT_EACCESS) == 0) return;
  throw errno_error(info.Env(), errno, "access", path);
}

}  // namespace

void init_privileges(Napi::Env env, Napi::Object exports) {
  exports.Set("dropPrivileges", Napi::Function::New(env, drop_privileges));
  exports.Set("becomeUser", Napi::Function::New(env, become_user));
  exports.Set("primaryGroup", Napi::Function::New(env, primary_group));
  exports.Set("hasCapability", Napi::Function::New(env, has_capability));
  exports.Set("checkReadWrite", Napi::Function::New(env, check_read_write));
}
