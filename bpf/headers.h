/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Reads a packet's headers into its key. Only a packet's first fragment is ever read. */
#pragma once
#include "kernel.h"
#include "protocols.h"
#include "rules.h"

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
  u64 source[2];
  u64 destination[2];
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

/* Options, routing and others: 8 * (length + 1) bytes. AH: 4 * (length + 2). The fragment header: 8
   bytes. */
struct ipv6_extension {
  u8 next_header;
  u8 length;
  u16 fragment;
  u32 identification;
} __attribute__((packed, aligned(2)));

#define ETHERNET_HEADER 14
#define VLAN_TAG 4
#define VLAN_IDENTIFIER swap16(0x0fff)
#define TYPE_IPV4 swap16(0x0800)
#define TYPE_IPV6 swap16(0x86dd)
#define TYPE_ARP swap16(0x0806)
#define SMALLEST_ETHER_TYPE 0x600 /* below it is the length of an LLC frame */

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

/* The ports behind an IP header, at `at`, and TCP's flags; the IP packet has `left` bytes left. */
GLOBAL int read_ports(struct xdp_md *context, struct packet_key *key, u32 at, u32 left) {
  if (!key)
    return 0;
  u16 *ports = 0;
  if ((key->protocol == UDP || key->protocol == UDP_LITE) && left >= 8)
    ports = bytes_at(context, at, 8);
  else if ((key->protocol == SCTP || key->protocol == DCCP) && left >= 12)
    ports = bytes_at(context, at, 12);
  else if (key->protocol == TCP && left >= 20) {
    ports = bytes_at(context, at, 20);
    if (ports) {
      key->tcp_flags = ((u8 *)ports)[13];
      key->known |= KNOWN_TCP_FLAGS;
    }
  }
  if (!ports)
    return 0;
  key->source_port = ports[0];
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
  key->family = IPV4;
  key->protocol = ip->protocol;
  key->known |= KNOWN_PROTOCOL;
  __builtin_memcpy(key->source, &ip->source, 4);
  __builtin_memcpy(key->destination, &ip->destination, 4);
  if (ip->fragment & swap16(0x3fff)) /* more fragments, or not the first */
    key->known |= IS_FRAGMENT;
  else
    read_ports(context, key, at + header, total - header);
  return 0;
}

/* The addresses in ARP for IPv4 over Ethernet: who speaks, and whom it asks for or answers to. */
GLOBAL int read_arp(struct xdp_md *context, struct packet_key *key, u32 at) {
  struct arp_packet *arp = bytes_at(context, at, sizeof *arp);
  if (!key || !arp)
    return 0;
  if (arp->hardware != swap16(1) || arp->protocol != swap16(0x0800) ||
      arp->lengths != swap16(0x0604))
    return 0;
  key->family = ARP;
  __builtin_memcpy(key->source, arp->sender_address, 4);
  __builtin_memcpy(key->destination, arp->target_address, 4);
  return 0;
}

/* Of the extension header at `at`: the next header (bits 0...7), whether this is a fragment (bit 8)
   and the length (bits 16...31); 0 if it is not there. */
GLOBAL u32 read_extension(struct xdp_md *context, u32 at, u32 kind) {
  struct ipv6_extension *extension = bytes_at(context, at, sizeof *extension);
  if (!extension)
    return 0;
  if (kind == FRAGMENT)
    return 8 << 16 | !!(extension->fragment & swap16(0xfff9)) << 8 | extension->next_header;
  u32 length = kind == AUTHENTICATION ? 8 + extension->length * 4 : 8 + extension->length * 8;
  return length << 16 | extension->next_header;
}

GLOBAL int read_ipv6(struct xdp_md *context, struct packet_key *key, u32 at) {
  struct ipv6_header *ip = bytes_at(context, at, sizeof *ip);
  if (!key || !ip || (ip->version_class & 0xf0) != 0x60)
    return 0;
  key->family = IPV6;
  __builtin_memcpy(key->source, ip->source, 16);
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
  if (fragment)
    key->known |= IS_FRAGMENT;
  else
    read_ports(context, key, at, left);
  return 0;
}

INLINE int is_tag(u16 ether_type) {
  return ether_type == swap16(0x8100) || ether_type == swap16(0x88a8);
}

/* Any packet's key; interface and queue are there already and the rest is zero. */
GLOBAL int read_packet(struct xdp_md *context, struct packet_key *key) {
  u8 *macs = bytes_at(context, 0, ETHERNET_HEADER);
  if (!key || !macs)
    return 0;
  __builtin_memcpy(key->destination_mac, macs, 6);
  __builtin_memcpy(key->source_mac, macs + 6, 6);
  key->known = KNOWN_MAC;
  u32 at = ETHERNET_HEADER - 2;
  u16 *ether_type = (u16 *)(macs + at);
  for (int i = 0; i < 2 && is_tag(*ether_type); i++) {
    at += VLAN_TAG;
    ether_type = bytes_at(context, at, 2);
    if (!ether_type)
      return 0;
    if (i == 0)
      key->vlan = ether_type[-1] & VLAN_IDENTIFIER;
    else
      key->inner_vlan = ether_type[-1] & VLAN_IDENTIFIER;
    key->known |= i == 0 ? KNOWN_VLAN : KNOWN_INNER_VLAN;
  }
  if (swap16(*ether_type) < SMALLEST_ETHER_TYPE)
    return 0;
  key->ether_type = *ether_type;
  key->known |= KNOWN_ETHER_TYPE;
  if (*ether_type == TYPE_IPV4)
    read_ipv4(context, key, at + 2);
  else if (*ether_type == TYPE_IPV6)
    read_ipv6(context, key, at + 2);
  else if (*ether_type == TYPE_ARP)
    read_arp(context, key, at + 2);
  return 0;
}

/* The first word of the key of a UDP or TCP packet that is whole, whose upper header is at `upper`
   and which has `left` bytes from there on; 0 if it is another. */
INLINE u64 plain_word(u8 *upper, u8 *end, u32 protocol, u32 left, u64 type_family) {
  u64 known = KNOWN_ETHER_TYPE | KNOWN_PROTOCOL | KNOWN_PORTS | KNOWN_MAC;
  if (protocol == UDP && left >= 8)
    return type_family | UDP << 16 | known;
  if (protocol == TCP && left >= 20 && upper + 20 <= end)
    return type_family | (u64)upper[13] << 24 | TCP << 16 | known | KNOWN_TCP_FLAGS;
  return 0;
}

/* The same as read_packet for most packets - UDP and TCP without tags, options, extensions or
   fragments - a few times faster, in whole words; 0 if it is another packet. The words are those of
   a packet_key on a little-endian machine; the rare ones are zero unless `reach` goes so far. */
INLINE int read_plain(struct xdp_md *context, u64 *key, u32 interface, u32 reach) {
  u8 *data = (void *)(long)context->data;
  u8 *end = (void *)(long)context->data_end;
  if (data + ETHERNET_HEADER + sizeof(struct ipv4_header) + 8 > end)
    return 0;
  u16 ether_type = *(u16 *)(data + 12);
  u8 *upper;
  if (ether_type == TYPE_IPV4) {
    struct ipv4_header *ip = (void *)data + ETHERNET_HEADER;
    u32 total = swap16(ip->total_length);
    if (ip->version_length != 0x45 || ip->fragment & swap16(0x3fff) || total < sizeof *ip)
      return 0;
    upper = (void *)(ip + 1);
    key[0] = plain_word(
        upper, end, ip->protocol, total - sizeof *ip, (u64)TYPE_IPV4 << 32 | IPV4 << 8);
    u32 *addresses = (void *)data + ETHERNET_HEADER + 12;
    key[2] = addresses[0];
    key[3] = 0;
    key[4] = addresses[1];
    key[5] = 0;
  } else if (ether_type == TYPE_IPV6) {
    struct ipv6_header *ip = (void *)data + ETHERNET_HEADER;
    upper = (void *)(ip + 1);
    if (upper + 8 > end || (ip->version_class & 0xf0) != 0x60)
      return 0;
    key[0] = plain_word(
        upper, end, ip->next_header, swap16(ip->payload_length),
        (u64)TYPE_IPV6 << 32 | IPV6 << 8);
    u64 *addresses = (void *)data + ETHERNET_HEADER + 8;
    key[2] = addresses[0];
    key[3] = addresses[1];
    key[4] = addresses[2];
    key[5] = addresses[3];
  } else {
    return 0;
  }
  key[1] = *(u32 *)upper | (u64)interface << 32;
  key[6] = key[7] = 0;
  if (reach >= REACH_RARE) {
    key[6] = *(u64 *)data << 16 >> 16 | (u64)context->rx_queue_index << 48;
    key[7] = *(u64 *)(data + 4) >> 16;
  }
  return key[0] != 0;
}
