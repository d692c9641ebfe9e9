// Looks up users and groups in the machine's name service, and libc's description of an errno.
#include <grp.h>
#include <pwd.h>
#include <sys/types.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "addon/addon.h"

namespace {

// Calls a function like getpwnam_r(), with a buffer that grows until the entry fits.
template <typename Entry, typename Key, typename Find>
std::optional<Entry> look_up(Find find, Key key, std::vector<char>& buffer) {
  for (buffer.resize(1024);; buffer.resize(buffer.size() * 2)) {
    Entry entry;
    Entry* found = nullptr;
    const int error = find(key, &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found == nullptr) return std::nullopt;
    return entry;
  }
}

Napi::Value account(Napi::Env env, const char* name, uint32_t id) {
  Napi::Object account = Napi::Object::New(env);
  account.Set("name", Napi::String::New(env, name));
  account.Set("id", Napi::Number::New(env, id));
  return account;
}

Napi::Value user_by_name(const Napi::CallbackInfo& info) {
  std::vector<char> buffer;
  const auto user = look_up<passwd>(getpwnam_r, info[0].As<Napi::String>().Utf8Value().c_str(), buffer);
  return user ? account(info.Env(), user->pw_name, user->pw_uid) : info.Env().Null();
}

Napi::Value user_by_id(const Napi::CallbackInfo& info) {
  std::vector<char> buffer;
  const auto user = look_up<passwd>(getpwuid_r, uid_t{info[0].As<Napi::Number>().Uint32Value()}, buffer);
  return user ? account(info.Env(), user->pw_name, user->pw_uid) : info.Env().Null();
}

Napi::Value group_by_name(const Napi::CallbackInfo& info) {
  std::vector<char> buffer;
  const auto group = look_up<::group>(getgrnam_r, info[0].As<Napi::String>().Utf8Value().c_str(), buffer);
  return group ? account(info.Env(), group->gr_name, group->gr_gid) : info.Env().Null();
}

Napi::Value group_by_id(const Napi::CallbackInfo& info) {
  std::vector<char> buffer;
  const auto group = look_up<::group>(getgrgid_r, gid_t{info[0].As<Napi::Number>().Uint32Value()}, buffer);
  return group ? account(info.Env(), group->gr_name, group->gr_gid) : info.Env().Null();
}

Napi::Value is_member(const Napi::CallbackInfo& info) {
  const gid_t wanted = info[1].As<Napi::Number>().Uint32Value();
  std::vector<char> buffer;
  const auto user = look_up<passwd>(getpwuid_r, uid_t{info[0].As<Napi::Number>().Uint32Value()}, buffer);
  if (!user) return Napi::Boolean::New(info.Env(), false);
  int count = 64;
  std::vector<gid_t> groups(count);
  while (getgrouplist(user->pw_name, user->pw_gid, groups.data(), &count) < 0) groups.resize(count);
  groups.resize(count);
  const bool found = std::find(groups.begin(), groups.end(), wanted) != groups.end();
  return Napi::Boolean::New(info.Env(), found);
}

}  // namespace

void init_accounts(Napi::Env env, Napi::Object exports) {
  exports.Set("userByName", Napi::Function::New(env, user_by_name));
  exports.Set("userById", Napi::Function::New(env, user_by_id));
  exports.Set("groupByName", Napi::Function::New(env, group_by_name));
  exports.Set("groupById", Napi::Function::New(env, group_by_id));
  exports.Set("isMember", Napi::Function::New(env, is_member));
}
