// The C that Martlet stands on: libxdp, libbpf and the kernel's if_xdp, with what Debian 12's
// headers (Linux 6.1) do not know yet. Shims, and two programs of two and three instructions: one
// that passes everything, and one that reads the kernel's clock.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/unix_diag.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

// Newer than Linux 6.1's headers. The assertions fail the build if a newer header disagrees.
#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif
_Static_assert(XDP_USE_SG == 1 << 4, "XDP_USE_SG");
_Static_assert(XDP_PKT_CONTD == 1 << 0, "XDP_PKT_CONTD");
_Static_assert(sizeof(struct xdp_desc) == 16, "a descriptor has 16 bytes");

/// Whether Swift sees the newest statistics layout: six 64-bit counters.
_Static_assert(sizeof(struct xdp_statistics) == 48, "struct xdp_statistics has six counters");

// setns(2) and unshare(2) hide behind _GNU_SOURCE, which the module map cannot define for Swift.
static inline int cxdp_setns(int descriptor, int kind) {
  return (int)syscall(SYS_setns, descriptor, kind);
}
static inline int cxdp_unshare(int kind) { return (int)syscall(SYS_unshare, kind); }

// libxdp's view of one socket's four rings. libxdp keeps pointers to these and never clears the
// cached cursors: allocate once per socket, zeroed, at an address that stays.
struct cxdp_rings {
  struct xsk_ring_prod fill, transmit;
  struct xsk_ring_cons receive, completion;
};

// More of _GNU_SOURCE, and constants newer than the headers or kept in headers that clash with
// libc's.
static inline int cxdp_memfd_create(const char *name, unsigned int flags) {
  return (int)syscall(SYS_memfd_create, name, flags);
}
static inline int cxdp_dup3(int from, int to, int flags) {
  return (int)syscall(SYS_dup3, from, to, flags);
}
static inline int cxdp_ppoll(void *set, unsigned long count, const void *timeout) {
  return (int)syscall(SYS_ppoll, set, count, timeout, (void *)0, (unsigned long)0);
}
static inline int cxdp_epoll_pwait2(int set, void *events, int count, const void *timeout) {
  return (int)syscall(SYS_epoll_pwait2, set, events, count, timeout, (void *)0, (unsigned long)0);
}
// In nanoseconds.
static inline long cxdp_timer_slack(void) {
  return syscall(SYS_prctl, PR_GET_TIMERSLACK, 0ul, 0ul, 0ul, 0ul);
}
// Lets a moment pass in which the processor asks nothing of memory.
static inline void cxdp_relax(unsigned rounds) {
  while (rounds-- != 0) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); // yield takes no time on most
#else
    __asm__ volatile("" ::: "memory");
#endif
  }
}
static inline int cxdp_fallocate(int file, int mode, long offset, long length) {
  return (int)syscall(SYS_fallocate, file, mode, offset, length);
}
static inline long cxdp_splice(int from, int to, unsigned long length) {
  return syscall(SYS_splice, from, (void *)0, to, (void *)0, length, 0);
}
static inline int cxdp_capget(void *header, void *data) {
  return (int)syscall(SYS_capget, header, data);
}
static inline int cxdp_capset(void *header, void *data) {
  return (int)syscall(SYS_capset, header, data);
}
enum {
  CXDP_MFD_CLOEXEC = 0x1, CXDP_MFD_ALLOW_SEALING = 0x2, CXDP_MFD_HUGETLB = 0x4,
  CXDP_MFD_NOEXEC_SEAL = 0x8, CXDP_MFD_HUGE_2MB = 21 << 26,
  CXDP_F_SETLEASE = 1024, CXDP_F_ADD_SEALS = 1033, CXDP_F_GET_SEALS = 1034,
  CXDP_F_SEAL_SEAL = 0x1, CXDP_F_SEAL_SHRINK = 0x2, CXDP_F_SEAL_GROW = 0x4,
  CXDP_F_SEAL_FUTURE_WRITE = 0x10,
  CXDP_MADV_POPULATE_WRITE = 23, CXDP_MADV_COLLAPSE = 25,
  CXDP_AF_XDP = 44, CXDP_SOL_XDP = 283, CXDP_XDP_MAX_TX_SKB_BUDGET = 9,
};
#ifdef MADV_POPULATE_WRITE
_Static_assert(MADV_POPULATE_WRITE == CXDP_MADV_POPULATE_WRITE, "MADV_POPULATE_WRITE");
#endif
#ifdef XDP_MAX_TX_SKB_BUDGET
_Static_assert(XDP_MAX_TX_SKB_BUDGET == CXDP_XDP_MAX_TX_SKB_BUDGET, "XDP_MAX_TX_SKB_BUDGET");
#endif
#ifdef MADV_COLLAPSE
_Static_assert(MADV_COLLAPSE == CXDP_MADV_COLLAPSE, "MADV_COLLAPSE");
#endif

// More of _GNU_SOURCE, for children and time-outs: pipe2(2), pidfd_open(2) and glibc's spawn
// attribute that keeps the parent's descriptors (sockets that hold a queue!) out of the child.
#include <spawn.h>
static inline int cxdp_pipe(int ends[2], int flags) { return (int)syscall(SYS_pipe2, ends, flags); }
static inline int cxdp_pidfd_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);

// prctl(2) of PR_SET_NO_NEW_PRIVS: no program that is run from here on gives privileges.
static inline int cxdp_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

// Steering: flags that are macros or newer than the headers.
enum { CXDP_BPF_F_XDP_HAS_FRAGS = 1 << 5, CXDP_BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6 };
#ifdef BPF_F_XDP_HAS_FRAGS
_Static_assert(BPF_F_XDP_HAS_FRAGS == 1 << 5, "BPF_F_XDP_HAS_FRAGS");
#endif
#ifdef BPF_F_XDP_DEV_BOUND_ONLY
_Static_assert(BPF_F_XDP_DEV_BOUND_ONLY == 1 << 6, "BPF_F_XDP_DEV_BOUND_ONLY");
#endif

// signalfd(2) of a set of signals, non-blocking; sigset_t here has more bits than the kernel reads.
static inline int cxdp_signalfd(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// libbpf refuses an options structure whose padding is not zero, and Swift leaves padding
// undefined: the structures are made here, cleared as a whole.
#include <string.h>
static inline int cxdp_query_programs(int interface, struct bpf_xdp_query_opts *answer) {
  memset(answer, 0, sizeof *answer);
  answer->sz = sizeof *answer;
  return bpf_xdp_query(interface, 0, answer);
}
static inline int cxdp_link_program(int program, int interface, unsigned int flags) {
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
  return bpf_link_create(program, interface, BPF_XDP, &options);
}
static inline int cxdp_create_map(
    enum bpf_map_type type, const char *name, unsigned int key_size, unsigned int value_size,
    unsigned int entries, unsigned int flags, int inner_map) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags, .inner_map_fd = (__u32)inner_map);
  return bpf_map_create(type, name, key_size, value_size, entries, &options);
}
static inline struct bpf_object *cxdp_open_object(
    const void *bytes, size_t size, const char *name, char *log, size_t log_size) {
  LIBBPF_OPTS(
      bpf_object_open_opts, options, .object_name = name, .kernel_log_buf = log,
      .kernel_log_size = log_size);
  return bpf_object__open_mem(bytes, size, &options);
}
// Runs a program on a packet that lies behind so many bytes of metadata, which its size counts;
// answers with its verdict, or a negative errno.
static inline int cxdp_try_packet(
    int program, const void *packet, unsigned int size, unsigned int metadata,
    unsigned int interface, unsigned int queue) {
  struct xdp_md context = {
      .data = metadata, .data_end = size, .ingress_ifindex = interface, .rx_queue_index = queue};
  LIBBPF_OPTS(
      bpf_test_run_opts, options, .data_in = packet, .data_size_in = size, .ctx_in = &context,
      .ctx_size_in = sizeof context);
  int result = bpf_prog_test_run_opts(program, &options);
  return result ? result : (int)options.retval;
}

// sched_setaffinity(2) of the calling thread, _GNU_SOURCE again: `bits` is `count` words.
static inline int cxdp_pin(const uint64_t *bits, size_t count) {
  return (int)syscall(SYS_sched_setaffinity, 0, count * sizeof *bits, bits);
}

// Bytes of the mask that the kernel wrote, or -1 with errno.
static inline long cxdp_affinity(uint64_t *bits, size_t count) {
  return syscall(SYS_sched_getaffinity, 0, count * sizeof *bits, bits);
}

// Descriptors over a Unix socket (SCM_RIGHTS), whose control messages are macros, and the peer's
// credentials, _GNU_SOURCE again. At most 8 descriptors a message.
#include <sys/epoll.h>
#include <sys/socket.h>
enum { CXDP_SHIPMENT_LIMIT = 8 };
static inline long cxdp_send_descriptors(
    int socket, const void *bytes, size_t size, const int *descriptors, unsigned int count) {
  union { struct cmsghdr header; char space[CMSG_SPACE(8 * sizeof(int))]; } control;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > CXDP_SHIPMENT_LIMIT) return -1;
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
  }
  return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}
static inline long cxdp_receive_descriptors(
    int socket, void *bytes, size_t size, int *descriptors, unsigned int *count) {
  union { struct cmsghdr header; char space[CMSG_SPACE(8 * sizeof(int))]; } control;
  struct iovec part = {.iov_base = bytes, .iov_len = size};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
      .msg_controllen = sizeof control};
  long length = recvmsg(socket, &message, 0x40000000 /* MSG_CMSG_CLOEXEC */);
  *count = 0;
  if (length < 0) return length;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    *count = (unsigned int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(descriptors, CMSG_DATA(header), *count * sizeof(int));
  }
  return length;
}
// Whether an end of a Unix socket has an address, as those have that were connected to, and those
// of a pair have not.
static inline _Bool cxdp_has_address(int socket) {
  struct sockaddr address;
  socklen_t size = sizeof address;
  return getsockname(socket, &address, &size) == 0 && size > sizeof address.sa_family;
}
// What `struct ucred` says of the process at the other end of a Unix socket.
static inline int cxdp_peer(int socket, int *process, unsigned int *user, unsigned int *group) {
  unsigned int peer[3];
  socklen_t size = sizeof peer;
  int result = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, peer, &size);
  if (result == 0) {
    *process = (int)peer[0];
    *user = peer[1];
    *group = peer[2];
  }
  return result;
}

// The way back to the stack: a program that passes everything, run on a packet that then really
// arrives on the interface (Linux 5.18).
#ifndef BPF_F_TEST_XDP_LIVE_FRAMES
#define BPF_F_TEST_XDP_LIVE_FRAMES (1U << 1)
#endif
static inline int cxdp_load_passing_program(void) {
  struct bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT}};
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  return bpf_prog_load(BPF_PROG_TYPE_XDP, "martlet_pass", "GPL", instructions, 2, &options);
}
static inline int cxdp_inject(
    int program, const void *packet, unsigned int size, unsigned int interface) {
  struct xdp_md context = {.data_end = size, .ingress_ifindex = interface};
  LIBBPF_OPTS(
      bpf_test_run_opts, options, .data_in = packet, .data_size_in = size, .ctx_in = &context,
      .ctx_size_in = sizeof context, .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .repeat = 1,
      .batch_size = 1);
  return bpf_prog_test_run_opts(program, &options);
}

// Queue steering: a socket option and attach types newer than the headers. libbpf passes an attach
// type that it does not know on to the kernel.
enum { CXDP_SO_NETNS_COOKIE = 71, CXDP_SO_PASSRIGHTS = 83, CXDP_BPF_TCX_EGRESS = 47 };
#ifdef SO_PASSRIGHTS
_Static_assert(SO_PASSRIGHTS == CXDP_SO_PASSRIGHTS, "SO_PASSRIGHTS");
#endif
#ifdef SO_NETNS_COOKIE
_Static_assert(SO_NETNS_COOKIE == CXDP_SO_NETNS_COOKIE, "SO_NETNS_COOKIE");
#endif

// Busy polling: socket options that glibc's headers leave to the kernel's.
enum {
  CXDP_SO_INCOMING_NAPI_ID = 56,
  CXDP_SO_PREFER_BUSY_POLL = 69,
  CXDP_SO_BUSY_POLL_BUDGET = 70,
};
#ifdef SO_BUSY_POLL_BUDGET
_Static_assert(SO_INCOMING_NAPI_ID == CXDP_SO_INCOMING_NAPI_ID, "SO_INCOMING_NAPI_ID");
_Static_assert(SO_PREFER_BUSY_POLL == CXDP_SO_PREFER_BUSY_POLL, "SO_PREFER_BUSY_POLL");
_Static_assert(SO_BUSY_POLL_BUDGET == CXDP_SO_BUSY_POLL_BUDGET, "SO_BUSY_POLL_BUDGET");
#endif

// A program for packets that leave an interface: by a bpf_link (Linux 6.6), or as a filter of a
// clsact qdisc.
static inline int cxdp_link_egress(int program, int interface) {
  LIBBPF_OPTS(bpf_link_create_opts, options);
  return bpf_link_create(program, interface, (enum bpf_attach_type)CXDP_BPF_TCX_EGRESS, &options);
}
// Makes the qdisc; -EEXIST if it is there.
static inline int cxdp_make_clsact(int interface) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
  return bpf_tc_hook_create(&hook);
}
// Removes the qdisc and with it everybody's filters.
static inline int cxdp_remove_clsact(int interface) {
  LIBBPF_OPTS(
      bpf_tc_hook, hook, .ifindex = interface,
      .attach_point = (enum bpf_tc_attach_point)(BPF_TC_INGRESS | BPF_TC_EGRESS));
  return bpf_tc_hook_destroy(&hook);
}
// A filter with this handle and priority.
static inline int cxdp_attach_egress(
    int program, int interface, unsigned int handle, unsigned int priority) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(
      bpf_tc_opts, options, .prog_fd = program, .handle = handle, .priority = priority);
  return bpf_tc_attach(&hook, &options);
}
// The number of the program that stands there, 0 if none does, or a negative errno.
static inline long cxdp_egress_program(
    int interface, unsigned int handle, unsigned int priority) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = handle, .priority = priority);
  int result = bpf_tc_query(&hook, &options);
  return result ? result : (long)options.prog_id;
}
static inline int cxdp_detach_egress(
    int interface, unsigned int handle, unsigned int priority) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = handle, .priority = priority);
  return bpf_tc_detach(&hook, &options);
}
// Runs a program for packets in the stack on a frame; its answer in `result`.
static inline int cxdp_try_frame(
    int program, const void *frame, unsigned int size, unsigned int *result) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = size);
  int failure = bpf_prog_test_run_opts(program, &options);
  *result = options.retval;
  return failure;
}

// The kernel's tick counter, by a program that returns half of it at a time; 0 or a negative errno.
#include <linux/bpf.h>
static inline int cxdp_jiffies_half(int shift, unsigned int *half) {
  struct bpf_insn program[] = {
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64},
      {.code = BPF_ALU64 | BPF_RSH | BPF_K, .dst_reg = BPF_REG_0, .imm = shift},
      {.code = BPF_JMP | BPF_EXIT},
  };
  char packet[64] = {0};
  int descriptor = bpf_prog_load(BPF_PROG_TYPE_XDP, "martlet_clock", "GPL", program, 3, NULL);
  if (descriptor < 0)
    return descriptor;
  LIBBPF_OPTS(
      bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof packet, .repeat = 1);
  int result = bpf_prog_test_run_opts(descriptor, &options);
  close(descriptor);
  *half = options.retval;
  return result;
}
static inline int cxdp_jiffies(uint64_t *jiffies) {
  unsigned int high = 0, low = 0, again = 0;
  int result;
  do {
    if ((result = cxdp_jiffies_half(32, &high)) || (result = cxdp_jiffies_half(0, &low)) ||
        (result = cxdp_jiffies_half(32, &again)))
      return result;
  } while (again != high);
  *jiffies = (uint64_t)high << 32 | low;
  return 0;
}

// What a program made of a packet: tries it, and gives the packet back as it came out.
static inline int cxdp_run_packet(
    int program, const void *packet, unsigned int size, unsigned int interface, unsigned int queue,
    void *changed, unsigned int *changed_size, unsigned int repeat, unsigned int *nanoseconds) {
  struct xdp_md context = {.data_end = size, .ingress_ifindex = interface, .rx_queue_index = queue};
  LIBBPF_OPTS(
      bpf_test_run_opts, options, .data_in = packet, .data_size_in = size, .ctx_in = &context,
      .ctx_size_in = sizeof context, .data_out = changed,
      .data_size_out = changed_size ? *changed_size : 0, .repeat = repeat);
  int result = bpf_prog_test_run_opts(program, &options);
  if (changed_size)
    *changed_size = options.data_size_out;
  if (nanoseconds)
    *nanoseconds = options.duration;
  return result ? result : (int)options.retval;
}

// Live frames: `count` of them go through the program and on to where it sends them, each with the
// bytes of `frame` at first (Linux 5.18). A program that hangs on no interface costs some 20 ms a
// call.
static inline int cxdp_send_live(
    int program, const void *frame, unsigned int size, unsigned int count, unsigned int batch) {
  LIBBPF_OPTS(
      bpf_test_run_opts, options, .data_in = frame, .data_size_in = size,
      .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .repeat = (int)count, .batch_size = batch);
  return bpf_prog_test_run_opts(program, &options);
}
