// A libslirp that a guest has taken over: it tries what the environment variable TRY names, in the place where libslirp
// handles frames, and reports the result on stderr as `RESULT`, with 0 or an errno.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int reads(const char *path) {
  char byte;
  const int fd = open(path, O_RDONLY);
  return fd < 0 ? -1 : read(fd, &byte, 1) < 0 ? -1 : 0;
}

// connect(2) itself, since the program replaces libc's.
static int connects_to_abstract_socket(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path + 1, name);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0) return -1;
  return syscall(SYS_connect, ends[0], &address, sizeof(sa_family_t) + 1 + strlen(name));
}

static int binds(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  return syscall(SYS_bind, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0), &address, sizeof address);
}

static int attempt(const char *what, const char *argument) {
  if (!strcmp(what, "read")) return reads(argument);
  if (!strcmp(what, "write")) return open(argument, O_WRONLY | O_CREAT, 0600);
  if (!strcmp(what, "abstract")) return connects_to_abstract_socket(argument);
  if (!strcmp(what, "unix")) return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
  if (!strcmp(what, "netlink")) return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0);
  if (!strcmp(what, "packet")) return syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0);
  if (!strcmp(what, "internet")) return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
  if (!strcmp(what, "raw")) return syscall(SYS_socket, AF_INET, SOCK_RAW, 1);
  if (!strcmp(what, "bind")) return binds(atoi(argument));
  if (!strcmp(what, "exec")) return execl("/bin/true", "true", (char *)0);
  if (!strcmp(what, "fork")) return fork();
  if (!strcmp(what, "ptrace")) return ptrace(PTRACE_TRACEME, 0, 0, 0);
  if (!strcmp(what, "kill")) return kill(getppid(), 0);
  if (!strcmp(what, "setuid")) return setuid(0);
  if (!strcmp(what, "unshare")) return unshare(CLONE_NEWUSER);
  if (!strcmp(what, "chmod")) return chmod("/etc", 0777);
  if (!strcmp(what, "unlink")) return unlink("/etc/resolv.conf");
  if (!strcmp(what, "prctl")) return prctl(PR_SET_DUMPABLE, 1);
  if (!strcmp(what, "mmap")) return mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANON, -1, 0) == MAP_FAILED;
  if (!strcmp(what, "mprotect")) return mprotect((void *)((uintptr_t)&attempt & ~4095UL), 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
  return abort(), -1;
}

const char *slirp_version_string(void) { return "4.7.0"; }
void *slirp_new(const void *config, const void *callbacks, void *opaque) {
  (void)config, (void)callbacks, (void)opaque;
  return "";
}
void slirp_pollfds_fill(void *slirp, uint32_t *timeout, void *add, void *opaque) {
  (void)slirp, (void)timeout, (void)add, (void)opaque;
  static int tried = 0;
  if (tried++ > 0) return;
  char *argument = strchr(getenv("TRY"), ' ');
  if (argument) *argument++ = '\0';
  const int failed = attempt(getenv("TRY"), argument) < 0;
  dprintf(2, "RESULT %d\n", failed ? errno : 0);
}
void slirp_cleanup(void *slirp) { (void)slirp; }
void slirp_pollfds_poll(void) {}
void slirp_input(void) {}
void slirp_handle_timer(void) {}
int slirp_add_hostxfwd(void) { return 0; }
int slirp_remove_hostxfwd(void) { return 0; }
int slirp_add_unix(void) { return 0; }
char *slirp_connection_info(void) { return calloc(1, 1); }
void g_free(void *text) { free(text); }
int g_shell_parse_argv(void) { return 0; }
void g_strfreev(void) {}
