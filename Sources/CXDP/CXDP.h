// The C that Martlet stands on: libxdp, libbpf and the kernel's if_xdp, with what Debian 12's headers
// (Linux 6.1) do not know yet. Shims only, no logic.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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
_Static_assert(sizeof(struct xdp_desc) == 16, "a descriptor of the receive and transmit rings has 16 bytes");

/// Whether Swift sees the newest statistics layout: six 64-bit counters.
_Static_assert(sizeof(struct xdp_statistics) == 48, "struct xdp_statistics has six counters");

// setns(2) and unshare(2) hide behind _GNU_SOURCE, which the module map cannot define for Swift.
static inline int cxdp_setns(int descriptor, int kind) {
  return (int)syscall(SYS_setns, descriptor, kind);
}
static inline int cxdp_unshare(int kind) { return (int)syscall(SYS_unshare, kind); }

// More of _GNU_SOURCE, for children and time-outs: pipe2(2), pidfd_open(2) and glibc's spawn attribute
// that keeps the parent's descriptors (sockets that hold a queue!) out of the child.
#include <spawn.h>
static inline int cxdp_pipe(int ends[2], int flags) { return (int)syscall(SYS_pipe2, ends, flags); }
static inline int cxdp_pidfd_open(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
