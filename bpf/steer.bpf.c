// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Steering: which packets go to the AF_XDP socket of their queue, to the kernel, or nowhere.
//
// With no rules the default action holds and the packet is not even looked at: that is the
// transparent wire. Otherwise the headers are read once into a key, and the first rule whose masked
// value equals the masked key decides.
//
// It must load with and without BPF_F_XDP_HAS_FRAGS: only a packet's first fragment is ever read.
#include "kernel.h"
#include "steer.h"

struct {
  MAP_NUMBER(type, XSKMAP);
  MAP_NUMBER(max_entries, 1); /* the loader sets it: queues of all ports together */
  MAP_TYPE(key, u32);
  MAP_TYPE(value, u32);
} sockets SECTION(".maps");

struct {
  MAP_NUMBER(type, ARRAY);
  MAP_NUMBER(max_entries, 2 * RULES_PER_SET);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, struct rule);
} rules SECTION(".maps");

struct {
  MAP_NUMBER(type, ARRAY);
  MAP_NUMBER(max_entries, 1);
  MAP_NUMBER(map_flags, MAPPABLE); /* the library writes it by plain stores */
  MAP_TYPE(key, u32);
  MAP_TYPE(value, struct settings);
} settings SECTION(".maps");

struct {
  MAP_NUMBER(type, PER_CPU_ARRAY);
  MAP_NUMBER(max_entries, PORTS);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, struct counters);
} counters SECTION(".maps");

struct ipv4_header {
  u8 version_length;
  u8 service;
  u16 total_length;
  u16 identification;
  u16 fragment;
  u8 time_to_live;
  u8 protocol;
  u16 checksum;
  u32 source;
  u32 destination;
} __attribute__((packed, aligned(2)));

struct ipv6_header {
  u8 version_class;
  u8 class_flow[3];
  u16 payload_length;
  u8 next_header;
  u8 hop_limit;
  u32 source[4];
  u32 destination[4];
} __attribute__((packed, aligned(2)));

struct arp_packet {
  u16 hardware;
  u16 protocol;
  u16 lengths; /* of a hardware address, then of a protocol address */
  u16 operation;
  u8 sender_hardware[6];
  u8 sender_address[4];
  u8 target_hardware[6];
  u8 target_address[4];
} __attribute__((packed, aligned(2)));

/* Options and routing: 8 * (length + 1) bytes. The fragment header: 8 bytes. */
struct ipv6_extension {
  u8 next_header;
  u8 length;
  u16 fragment;
  u32 identification;
} __attribute__((packed, aligned(2)));

enum extension { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60 };

#define ETHERNET_HEADER 14
#define VLAN_TAG 4
#define SMALLEST_ETHER_TYPE 0x600 /* below it is the length of an LLC frame */
#define EXTENSIONS 6              /* of IPv6, as many as are followed */

/* No header is looked for beyond this offset: the verifier wants a bound. */
#define FARTHEST 4096

/* `byte_count` bytes from `offset` on, or null if the first fragment does not have them. */
INLINE void *bytes_at(struct xdp_md *context, u32 offset, u32 byte_count) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  if (offset > FARTHEST || data + offset + byte_count > end)
    return 0;
  return data + offset;
}

/* The destination port of a UDP or TCP header at `at`; the IP packet has `left` bytes left. */
GLOBAL int read_ports(struct xdp_md *context, struct packet_key *key, u32 at, u32 left) {
  if (!key)
    return 0;
  u16 *ports = 0;
  if (key->protocol == 17 && left >= 8)
    ports = bytes_at(context, at, 8);
  else if (key->protocol == 6 && left >= 20)
    ports = bytes_at(context, at, 20);
  if (!ports)
    return 0;
  key->destination_port = ports[1];
  key->known |= KNOWN_PORTS;
  return 0;
}

GLOBAL int read_ipv4(struct xdp_md *context, struct packet_key *key, u32 at) {
  struct ipv4_header *ip = bytes_at(context, at, sizeof *ip);
  if (!key || !ip)
    return 0;
  u32 header = (ip->version_length & 15) * 4;
  u32 total = swap16(ip->total_length);
  if (ip->version_length >> 4 != 4 || header < sizeof *ip || total < header)
    return 0;
  if (!bytes_at(context, at, header)) /* with its options */
    return 0;
  key->ip_version = 4;
  key->protocol = ip->protocol;
  key->known |= KNOWN_IP | KNOWN_PROTOCOL | KNOWN_DESTINATION;
  __builtin_memcpy(key->destination, &ip->destination, 4);
  if (!(ip->fragment & swap16(0x3fff))) /* no more fragments, and the first */
    read_ports(context, key, at + header, total - header);
  return 0;
}

/* The address that ARP for IPv4 over Ethernet asks for or answers to. */
GLOBAL int read_arp(struct xdp_md *context, struct packet_key *key, u32 at) {
  struct arp_packet *arp = bytes_at(context, at, sizeof *arp);
  if (!key || !arp)
    return 0;
  if (arp->hardware != swap16(1) || arp->protocol != swap16(0x0800) ||
      arp->lengths != swap16(0x0604))
    return 0;
  __builtin_memcpy(key->destination, arp->target_address, 4);
  key->known |= KNOWN_DESTINATION;
  return 0;
}

INLINE int is_extension(u32 next) {
  return next == HOP_BY_HOP || next == ROUTING || next == FRAGMENT || next == OPTIONS;
}

/* Of the extension header at `at`: the next header (bits 0...7), whether this is a fragment (bit 8)
   and the length (bits 16...31); 0 if it is not there. */
GLOBAL u32 read_extension(struct xdp_md *context, u32 at, u32 kind) {
  struct ipv6_extension *extension = bytes_at(context, at, sizeof *extension);
  if (!extension)
    return 0;
  if (kind == FRAGMENT)
    return 8 << 16 | !!(extension->fragment & swap16(0xfff9)) << 8 | extension->next_header;
  return (8 + extension->length * 8) << 16 | extension->next_header;
}

GLOBAL int read_ipv6(struct xdp_md *context, struct packet_key *key, u32 at) {
  struct ipv6_header *ip = bytes_at(context, at, sizeof *ip);
  if (!key || !ip || (ip->version_class & 0xf0) != 0x60)
    return 0;
  key->ip_version = 6;
  key->known |= KNOWN_IP | KNOWN_DESTINATION;
  __builtin_memcpy(key->destination, ip->destination, 16);
  u32 left = swap16(ip->payload_length);
  u32 next = ip->next_header;
  at += sizeof *ip;
#pragma clang loop unroll(disable)
  for (int i = 0; i < EXTENSIONS && is_extension(next & 255); i++) {
    next = read_extension(context, at, next & 255);
    if (next == 0 || left < next >> 16)
      return 0;
    at += next >> 16;
    left -= next >> 16;
    if (next >> 8 & 1) /* what follows belongs to the whole, not to this fragment */
      break;
  }
  int fragment = next >> 8 & 1;
  if (!fragment && is_extension(next & 255)) /* one too many */
    return 0;
  key->protocol = next;
  key->known |= KNOWN_PROTOCOL;
  if (!fragment)
    read_ports(context, key, at, left);
  return 0;
}

INLINE int is_tag(u16 ether_type) {
  return ether_type == swap16(0x8100) || ether_type == swap16(0x88a8);
}

/* Reads a packet's headers into its key. */
GLOBAL int read_packet(struct xdp_md *context, struct packet_key *key) {
  u32 at = ETHERNET_HEADER - 2;
  u16 *ether_type = bytes_at(context, at, 2);
  if (!key || !ether_type)
    return 0;
  for (int i = 0; i < 2 && is_tag(*ether_type); i++) {
    at += VLAN_TAG;
    ether_type = bytes_at(context, at, 2);
    if (!ether_type)
      return 0;
  }
  if (swap16(*ether_type) < SMALLEST_ETHER_TYPE)
    return 0;
  key->ether_type = *ether_type;
  key->known |= KNOWN_ETHER_TYPE;
  if (*ether_type == swap16(0x0800))
    read_ipv4(context, key, at + 2);
  else if (*ether_type == swap16(0x86dd))
    read_ipv6(context, key, at + 2);
  else if (*ether_type == swap16(0x0806))
    read_arp(context, key, at + 2);
  return 0;
}

INLINE int matches(const struct packet_key *key, const struct rule *rule) {
  const u64 *k = (const u64 *)key;
  const u64 *v = (const u64 *)&rule->value;
  const u64 *m = (const u64 *)&rule->mask;
  return (((k[0] ^ v[0]) & m[0]) | ((k[1] ^ v[1]) & m[1]) | ((k[2] ^ v[2]) & m[2]) |
          ((k[3] ^ v[3]) & m[3])) == 0;
}

/* The action of the first rule that matches, or of none. */
GLOBAL u32 decide(const struct packet_key *key, u32 word) {
  u32 first = (word >> 8 & 1) * RULES_PER_SET;
  u32 count = word & 255;
  if (!key)
    return TO_KERNEL;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < RULES_PER_SET && i < count; i++) {
    u32 index = first + i;
    struct rule *rule = map_lookup(&rules, &index);
    if (!rule)
      break;
    if (matches(key, rule))
      return rule->action;
  }
  return word >> 16;
}

/* The socket of this packet's queue takes it; if there is none, the kernel does. */
INLINE int to_socket(struct xdp_md *context, struct counters *count, struct port *port) {
  u32 queue = context->rx_queue_index;
  /* The last argument is the verdict where the map has no socket. */
  if (queue < port->queue_count &&
      redirect_map(&sockets, port->first_socket + queue, XDP_PASS) == XDP_REDIRECT) {
    count->socket++;
    return XDP_REDIRECT;
  }
  count->no_socket++;
  return XDP_PASS;
}

/* The number of the port that is this interface, or PORTS. */
GLOBAL u32 find_port(u32 interface) {
  u32 zero = 0;
  struct settings *current = map_lookup(&settings, &zero);
  if (!current)
    return PORTS;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < PORTS; i++)
    if (current->ports[i].interface == interface)
      return i;
  return PORTS;
}

SECTION("xdp") int martlet_steer(struct xdp_md *context) {
  u32 zero = 0;
  struct settings *current = map_lookup(&settings, &zero);
  if (!current)
    return XDP_PASS;
  u32 number = find_port(context->ingress_ifindex);
  if (number >= PORTS)
    return XDP_PASS;
  struct port *port = &current->ports[number];
  struct counters *count = map_lookup(&counters, &number);
  if (!count)
    return XDP_PASS;
  u32 word = *(volatile u32 *)&current->rules;
  u32 action = word >> 16;
  if (word & 255) { /* there are rules */
    struct packet_key key __attribute__((aligned(8))) = {
        .interface = context->ingress_ifindex,
        .queue = context->rx_queue_index,
    };
    read_packet(context, &key);
    action = decide(&key, word);
  }
  switch (action) {
  case TO_SOCKET:
    return to_socket(context, count, port);
  case TO_NOBODY:
    count->dropped++;
    return XDP_DROP;
  default:
    count->kernel++;
    return XDP_PASS;
  }
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
