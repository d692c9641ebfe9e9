// Checks for tests of front ends that violate the protocol. Each violation ends the connection, with a
// reason.
#pragma once

#include <fcntl.h>

#include <cstdio>

#include "test/vhost_driver.h"

namespace tsvde::test {

// Checks that the connection has ended for that reason and that no frame moves any more.
inline void check_ended(FrontEnd& guest, Violation why) {
  CHECK(guest.violation() == why);
  if (guest.violation() != why) std::printf("but: %s\n", name_of(guest.violation()));
  CHECK(!guest.back_end->answer());
  CHECK(!guest.back_end->active(0) && !guest.back_end->active(1));
  CHECK(!guest.take());
  CHECK(guest.put(octets(60)) == Put::violated);
  guest.publish();
  (void)guest.back_end->arm(1);
}

inline void check_refused(const FrontEnd& guest, bool goes_on, Violation why) {
  CHECK(!goes_on);
  CHECK(guest.violation() == why);
  if (guest.violation() != why) std::printf("but: %s\n", name_of(guest.violation()));
}

// A connected guest, for tests of its send ring.
struct Sender : FrontEnd {
  explicit Sender(uint64_t features = kAllFeatures) { connect(features); }
  void check_taken_as(Violation why) {
    CHECK(!take());
    check_ended(*this, why);
  }
};

// A connected guest, for tests of its receive ring.
struct Receiver : FrontEnd {
  explicit Receiver(uint64_t features = kAllFeatures) { connect(features); }
  void check_put_as(Violation why, uint32_t size = 60) {
    CHECK(put(octets(size)) == Put::violated);
    check_ended(*this, why);
  }
};

inline size_t open_files() {
  size_t count = 0;
  for (int fd = 0; fd < 1024; fd++) count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

inline std::vector<int> copies(int fd, size_t count) {
  return std::vector<int>(count, fd);
}

}  // namespace tsvde::test
