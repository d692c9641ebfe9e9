// Checks and signals eventfds that a front end sent. The front end keeps a duplicate, and can fill the
// counter or make the descriptor blocking at any time.
#pragma once

namespace tsvde::vhost {

// Returns whether the descriptor is an eventfd or another anonymous inode, all of which are harmless. A pipe,
// a socket or a file on a network file system could block our thread.
[[nodiscard]] bool is_eventfd(int fd);

// Adds 1 to the counter, unless the counter is full, in which case its reader is awake anyway. The descriptor
// is polled first, since the peer can make it blocking at any time (O_NONBLOCK belongs to the shared open
// file), and a write to a full counter would then block our thread for ever. A process that fills the counter
// and makes the descriptor blocking between the poll and the write can still block us; a guest cannot.
void signal_eventfd(int fd);

}  // namespace tsvde::vhost
