// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The director: chooses the queue of packets that leave by a virtual cable, and with it the queue
// that they arrive on at the other end. Attached in front of the device, where egress begins.
//
// A packet's fields are read once, as FlowKey reads them, and looked up by each shape.
#include "kernel.h"
#include "direct.h"
#include "protocols.h"

/* enum bpf_map_type */
#define HASH 1
/* BPF_F_NO_PREALLOC */
#define ON_DEMAND 1
/* TC_ACT_UNSPEC and TCX_NEXT: the next program decides */
#define NEXT (-1)

/* The context of a program for packets in the stack: as much of it as is read. */
struct __sk_buff {
  u32 length;
  u32 packet_type;
  u32 mark;
  u32 queue_mapping;
  u32 protocol;
  u32 vlan_present;
  u32 vlan_tag;
};

static long (*const load_bytes)(struct __sk_buff *packet, u32 offset, void *to, u32 size) =
    (void *)26;
static u32 (*const recalculate_hash)(struct __sk_buff *packet) = (void *)34;

struct {
  MAP_NUMBER(type, HASH);
  MAP_NUMBER(max_entries, FLOWS);
  MAP_NUMBER(map_flags, ON_DEMAND);
  MAP_TYPE(key, struct flow);
  MAP_TYPE(value, u32);
} flows SECTION(".maps");

struct {
  MAP_NUMBER(type, ARRAY);
  MAP_NUMBER(max_entries, 1);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, struct director);
} directors SECTION(".maps");

#define TAGS 4 /* of VLANs, as many as are read */

INLINE int is_tag(u16 type) {
  return type == swap16(0x8100) || type == swap16(0x88a8) || type == swap16(0x9100);
}

/* The ports at `at`, if `left` bytes have them. */
INLINE int read_ports(struct __sk_buff *packet, struct flow *flow, u32 at, u32 left) {
  u16 ports[2];
  if (!has_ports(flow->protocol) || left < 4)
    return 1;
  if (load_bytes(packet, at, ports, sizeof ports))
    return 0;
  flow->source_port = swap16(ports[0]);
  flow->destination_port = swap16(ports[1]);
  return 1;
}

/* Each of these answers 0 if the headers are broken. */
GLOBAL int read_ipv4(struct __sk_buff *packet, struct flow *flow, u32 at) {
  u8 header[20] __attribute__((aligned(4)));
  if (!flow || load_bytes(packet, at, header, sizeof header))
    return 0;
  u32 length = (header[0] & 15) * 4;
  u32 total = swap16(*(u16 *)(header + 2));
  if (header[0] >> 4 != 4 || length < 20 || length > total || at + total > packet->length)
    return 0;
  flow->version = 4;
  flow->source[2] = flow->destination[2] = swap16(0xffff) << 16;
  flow->source[3] = *(u32 *)(header + 12);
  flow->destination[3] = *(u32 *)(header + 16);
  flow->protocol = header[9];
  if (*(u16 *)(header + 6) & swap16(0x3fff)) /* a fragment */
    return 1;
  return read_ports(packet, flow, at + length, total - length);
}

GLOBAL int read_ipv6(struct __sk_buff *packet, struct flow *flow, u32 at) {
  u8 header[40] __attribute__((aligned(4)));
  if (!flow || load_bytes(packet, at, header, sizeof header))
    return 0;
  u32 end = at + 40 + swap16(*(u16 *)(header + 4));
  if (header[0] >> 4 != 6 || end > packet->length)
    return 0;
  flow->version = 6;
  __builtin_memcpy(flow->source, header + 8, 16);
  __builtin_memcpy(flow->destination, header + 24, 16);
  u8 next = header[6];
  u32 fragment = 0;
  at += 40;
#pragma clang loop unroll(disable)
  for (int i = 0; i < EXTENSIONS && is_extension(next) && fragment < 8; i++) {
    u8 extension[8] __attribute__((aligned(4)));
    if (at + 8 > end || load_bytes(packet, at, extension, sizeof extension))
      return 0;
    if (next == FRAGMENT) {
      fragment = swap16(*(u16 *)(extension + 2)) & 0xfff9;
      at += 8;
    } else {
      at += next == AUTHENTICATION ? (extension[1] + 2) * 4 : (extension[1] + 1) * 8;
    }
    next = extension[0];
  }
  if (at > end || (is_extension(next) && fragment < 8)) /* one too many */
    return 0;
  flow->protocol = next;
  return fragment ? 1 : read_ports(packet, flow, at, end - at);
}

/* Reads a packet's flow; 0 if it has none. */
GLOBAL int read_flow(struct __sk_buff *packet, struct flow *flow) {
  u32 at = 12;
  u16 type;
  if (!flow)
    return 0;
  if (packet->vlan_present) /* the tag that the device is to put in front */
    flow->vlans = packet->vlan_tag & 0xfff;
  for (int i = 0; i <= TAGS; i++) {
    if (load_bytes(packet, at, &type, 2))
      return 0;
    at += 2;
    if (!is_tag(type))
      break;
    u16 tag;
    if (i == TAGS || load_bytes(packet, at, &tag, 2))
      return 0;
    flow->vlans = flow->vlans << 16 | (swap16(tag) & 0xfff);
    at += 2;
  }
  if (type == swap16(0x0800))
    return read_ipv4(packet, flow, at);
  if (type == swap16(0x86dd))
    return read_ipv6(packet, flow, at);
  return 0;
}

/* The queue of the first shape that knows the flow. */
GLOBAL u32 find_queue(const struct flow *flow) {
  u32 zero = 0;
  struct director *director = map_lookup(&directors, &zero);
  if (!director || !flow)
    return NO_QUEUE;
#pragma clang loop unroll(disable)
  for (u32 shape = 0; shape < SHAPES && shape < director->shape_count; shape++) {
    struct flow key = *flow;
    const u64 *mask = (const u64 *)&director->masks[shape];
    u64 *words = (u64 *)&key;
    for (int i = 0; i < (int)(sizeof key / 8); i++)
      words[i] &= mask[i];
    key.shape = shape;
    u32 *queue = map_lookup(&flows, &key);
    if (queue)
      return *queue;
  }
  return NO_QUEUE;
}

/* The queue for a packet, NO_QUEUE to let it be. */
INLINE u32 choose(struct __sk_buff *packet) {
  struct flow flow __attribute__((aligned(8))) = {};
  u32 zero = 0;
  u32 queue = NO_QUEUE;
  if (read_flow(packet, &flow))
    queue = find_queue(&flow);
  if (queue != NO_QUEUE)
    return queue;
  struct director *director = map_lookup(&directors, &zero);
  if (!director || !director->rest_count)
    return NO_QUEUE;
  return director->rest[recalculate_hash(packet) & (RESTS - 1)];
}

SECTION("tc") int martlet_direct(struct __sk_buff *packet) {
  u32 queue = choose(packet);
  /* As if the packet had arrived on that queue: its number, and one. */
  if (queue < 0xffff)
    packet->queue_mapping = queue + 1;
  return NEXT;
}

/* The same, but only says which queue it would be: for trials. */
SECTION("tc") int martlet_tell(struct __sk_buff *packet) { return choose(packet); }

const char terms[] SECTION("license") = "Dual BSD/GPL";
