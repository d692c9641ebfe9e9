// tsvde-filter: compiles a filter in tcpdump's language, read from standard input, with libpcap, which is
// opened at run time. This is a short-lived program with limits, since libpcap's compiler can take unlimited
// time and memory, and resolves names. Prints `program N` and N lines `CODE JUMP_TRUE JUMP_FALSE K`, or one
// line: `refused SENTENCE` or `missing SENTENCE`.
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

namespace {

constexpr const char* kRemedy = "install the package libpcap0.8 (Debian, Ubuntu) or libpcap (others)";
constexpr rlim_t kSeconds = 2;
constexpr rlim_t kMemory = rlim_t{256} << 20;
constexpr size_t kFilterMax = 65536;
constexpr int kSnapLength = 262144;

// The part of libpcap's interface that is used here (pcap/pcap.h, pcap/bpf.h), declared so that the build
// does not need libpcap.
constexpr int kEthernet = 1;                    // DLT_EN10MB
constexpr uint32_t kUnknownMask = 0xffff'ffff;  // PCAP_NETMASK_UNKNOWN
struct Pcap;
struct Instruction {
  uint16_t code;
  uint8_t jump_true;
  uint8_t jump_false;
  uint32_t k;
};
struct Program {
  unsigned count;
  Instruction* instructions;
};

struct Library {
  Pcap* (*open_dead)(int link_type, int snap_length) = nullptr;
  int (*compile)(Pcap* pcap, Program* program, const char* text, int optimize, uint32_t mask) = nullptr;
  char* (*error)(Pcap* pcap) = nullptr;

  // Opens libpcap. Returns null, or an error message.
  const char* open() {
    void* library = nullptr;
    for (const char* name : {"libpcap.so.0.8", "libpcap.so.1"}) {
      if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);  // never closed
    }
    if (library == nullptr) return "a filter needs libpcap";
    const bool complete = find(library, "pcap_open_dead", open_dead) &&
                          find(library, "pcap_compile", compile) && find(library, "pcap_geterr", error);
    return complete ? nullptr : "libpcap lacks functions";
  }

 private:
  template <typename Function>
  static bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
  }
};

bool asked_for_name = false;

std::string read_filter() {
  std::string text;
  char piece[4096];
  for (ssize_t size = 0; text.size() <= kFilterMax && (size = read(STDIN_FILENO, piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<size_t>(size));
  return text;
}

int refuse(const char* word, const std::string& sentence) {
  std::printf("%s %s\n", word, sentence.c_str());
  return 1;
}

void limit(__rlimit_resource resource, rlim_t value) {
  const rlimit both{value, value};
  setrlimit(resource, &both);
}

}  // namespace

// A filter must not query name servers, so these functions replace libc's. The program exports them, so that
// libpcap calls them instead of libc's. Addresses, and the names of ports and protocols, are still resolved.
extern "C" {

using GetAddrInfo = int(const char*, const char*, const addrinfo*, addrinfo**);

[[gnu::visibility("default")]] int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                                               addrinfo** result) {
  static auto* const original = reinterpret_cast<GetAddrInfo*>(dlsym(RTLD_NEXT, "getaddrinfo"));
  if (original == nullptr) return EAI_FAIL;
  addrinfo numeric{};
  if (hints != nullptr) numeric = *hints;
  if (name != nullptr) numeric.ai_flags |= AI_NUMERICHOST;
  const int error = original(name, service, &numeric, result);
  if (name != nullptr && error != 0) asked_for_name = true;
  return error;
}

[[gnu::visibility("default")]] hostent* gethostbyname(const char*) {
  asked_for_name = true;
  return nullptr;
}

[[gnu::visibility("default")]] netent* getnetbyname(const char*) {
  asked_for_name = true;
  return nullptr;
}

[[gnu::visibility("default")]] int getnetbyname_r(const char*, netent*, char*, size_t, netent** result,
                                                  int* error) {
  asked_for_name = true;
  *result = nullptr;
  *error = HOST_NOT_FOUND;
  return 0;
}

[[gnu::visibility("default")]] int ether_hostton(const char*, ether_addr*) {
  asked_for_name = true;
  return -1;
}

}  // extern "C"

int main() {
  limit(RLIMIT_CPU, kSeconds);
  limit(RLIMIT_AS, kMemory);
  limit(RLIMIT_CORE, 0);
  const std::string text = read_filter();
  if (text.size() > kFilterMax) return refuse("refused", "it has more than 65536 bytes");
  Library pcap;
  if (const char* missing = pcap.open()) return refuse("missing", std::string(missing) + ": " + kRemedy);
  Pcap* dead = pcap.open_dead(kEthernet, kSnapLength);
  if (dead == nullptr) return refuse("refused", "there is not enough memory");
  Program program{};
  if (pcap.compile(dead, &program, text.c_str(), 1, kUnknownMask) < 0) {
    if (asked_for_name)
      return refuse("refused", "names of hosts and networks are not looked up: give addresses");
    return refuse("refused", pcap.error(dead));
  }
  std::printf("program %u\n", program.count);
  for (unsigned i = 0; i < program.count; i++) {
    const auto& [code, jump_true, jump_false, k] = program.instructions[i];
    std::printf("%u %u %u %u\n", code, jump_true, jump_false, k);
  }
  return 0;
}
