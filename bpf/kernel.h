/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the steering program needs of the kernel's interface, and nothing else. Own declarations
 * instead of the machine's headers: the object is committed and rebuilt for comparison, and the
 * type information in it must not change with the distribution.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
/* The verifier walks a global function once and knows nothing of its result, however it is called:
   without them the ways through the program multiply, and loading takes seconds instead of
   milliseconds. */
#define GLOBAL __attribute__((noinline))
/* A function with one caller that saves the registers it needs by itself: a path that does not call
   it pays nothing. */
#define APART static __attribute__((noinline))

/* How libbpf reads a map's definition from the type information. */
#define MAP_NUMBER(name, value) int(*name)[value]
#define MAP_TYPE(name, type) type *name

/* enum bpf_map_type */
#define ARRAY 2
#define PER_CPU_ARRAY 6
#define XSKMAP 17
#define DEVMAP_HASH 25

/* BPF_F_MMAPABLE */
#define MAPPABLE (1 << 10)

/* enum xdp_action */
#define XDP_DROP 1
#define XDP_PASS 2
#define XDP_TX 3
#define XDP_REDIRECT 4

/* The context of an XDP program. The verifier rewrites each access. */
struct xdp_md {
  u32 data;
  u32 data_end;
  u32 data_meta;
  u32 ingress_ifindex;
  u32 rx_queue_index;
  u32 egress_ifindex;
};

/* Helpers by the numbers of enum bpf_func_id. */
static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*const nanoseconds)(void) = (void *)5;
static u32 (*const processor)(void) = (void *)8;
static long (*const redirect)(u32 interface, u64 flags) = (void *)23;
static long (*const redirect_map)(void *map, u64 key, u64 flags) = (void *)51;
static long (*const adjust_metadata)(struct xdp_md *context, int delta) = (void *)54;
static u64 (*const jiffies)(void) = (void *)118;
static long (*const loop)(u32 count, void *step, void *state, u64 flags) = (void *)181;
static u64 (*const packet_length)(struct xdp_md *context) = (void *)188;

INLINE u16 swap16(u16 value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap16(value);
#else
  return value;
#endif
}

INLINE u64 swap64(u64 value) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap64(value);
#else
  return value;
#endif
}
