// Reads the `key=value` arguments of a stack. The first argument that cannot be read is returned, to be
// reported.
#include "slirp/config.h"

#include <arpa/inet.h>

#include <charconv>
#include <string_view>

namespace tsvde::slirp {
namespace {

template <typename Number>
bool read_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_flag(const std::string& text, bool& value) {
  value = text == "on";
  return value || text == "off";
}

bool read_address(const std::string& text, in_addr& value) {
  return inet_pton(AF_INET, text.c_str(), &value) == 1;
}

bool read_address(const std::string& text, in6_addr& value) {
  return inet_pton(AF_INET6, text.c_str(), &value) == 1;
}

std::string next_word(std::string& text) {
  const size_t space = text.find(' ');
  std::string word = text.substr(0, space);
  text.erase(0, space == std::string::npos ? space : space + 1);
  return word;
}

// Reads "10.0.2.100 80 tcp 127.0.0.1 8080". The part from `tcp` on may also be `unix PATH` or `cmd COMMAND
// LINE`.
bool read_guest_forward(std::string text, std::vector<GuestForward>& list) {
  GuestForward forward{};
  if (!read_address(next_word(text), forward.address) || !read_number(next_word(text), forward.port))
    return false;
  const std::string kind = next_word(text);
  forward.kind = kind == "tcp"    ? GuestForward::Kind::tcp
                 : kind == "unix" ? GuestForward::Kind::unix_socket
                                  : GuestForward::Kind::command;
  forward.target = text;
  list.push_back(forward);
  return !text.empty() && (kind == "cmd" || forward.kind != GuestForward::Kind::command);
}

bool read_pair(Config& config, const std::string& key, const std::string& value) {
  if (key == "ipv4") return read_flag(value, config.ipv4);
  if (key == "ipv6") return read_flag(value, config.ipv6);
  if (key == "restrict") return read_flag(value, config.restricted);
  if (key == "dhcp") return read_flag(value, config.dhcp);
  if (key == "host-loopback") return read_flag(value, config.host_loopback);
  if (key == "net") return read_address(value, config.net);
  if (key == "mask") return read_address(value, config.mask);
  if (key == "host") return read_address(value, config.host);
  if (key == "dhcpstart") return read_address(value, config.dhcp_start);
  if (key == "dns") return read_address(value, config.dns);
  if (key == "ipv6-prefix") return read_address(value, config.ipv6_prefix);
  if (key == "ipv6-prefixlen") return read_number(value, config.ipv6_prefix_length);
  if (key == "ipv6-host") return read_address(value, config.ipv6_host);
  if (key == "ipv6-dns") return read_address(value, config.ipv6_dns);
  if (key == "mtu") return read_number(value, config.mtu);
  if (key == "guestfwd") return read_guest_forward(value, config.guest_forwards);
  if (key == "dnssearch") return config.dns_search.emplace_back(value), true;
  if (key == "hostname") return config.hostname = value, true;
  if (key == "domainname") return config.domain_name = value, true;
  if (key == "tftp") return config.tftp = value, true;
  if (key == "bootfile") return config.boot_file = value, true;
  if (key == "tftp-server-name") return config.tftp_server_name = value, true;
  return false;
}

}  // namespace

std::string Config::read(std::span<char* const> arguments) {
  for (std::string argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) return argument;
    if (!read_pair(*this, argument.substr(0, equals), argument.substr(equals + 1))) return argument;
  }
  return "";
}

}  // namespace tsvde::slirp
