/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What becomes of a packet whose rule is known. */
#pragma once
#include "search.h"

/* The interfaces that rules forward to, each by its own number: the kernel takes out what vanishes.
   Its size is the loader's to give, as that of the rules' maps. */
struct {
  MAP_NUMBER(type, DEVMAP_HASH);
  MAP_NUMBER(max_entries, 1);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, u32);
} targets SECTION(".maps");

/* Lowers an IP packet's time to live by one; 0 if it has come to its end, or is not there. */
INLINE int age(struct xdp_md *context, u32 known, u32 family) {
  u32 at = ETHERNET_HEADER + (known & KNOWN_VLAN ? VLAN_TAG : 0) +
           (known & KNOWN_INNER_VLAN ? VLAN_TAG : 0);
  if (family == IPV4) {
    struct ipv4_header *ip = bytes_at(context, at, sizeof *ip);
    if (!ip || ip->time_to_live <= 1)
      return 0;
    ip->time_to_live--;
    /* RFC 1624: the sum's complement grows by what the word lost, with the carry. */
    u32 sum = ip->checksum + swap16(0x0100);
    ip->checksum = sum + (sum >= 0xffff);
  } else if (family == IPV6) {
    struct ipv6_header *ip = bytes_at(context, at, sizeof *ip);
    if (!ip || ip->hop_limit <= 1)
      return 0;
    ip->hop_limit--;
  }
  return 1;
}

/* Sends the packet out of another interface, changed as the rule says. What the kernel gets instead
   it gets as it came: so whether the interface is there comes before any change. */
GLOBAL int forward(struct xdp_md *context, const struct rule *rule, u32 known_family) {
  if (!rule)
    return XDP_PASS;
  /* The last argument is the verdict where the map has no such interface. */
  if (redirect_map(&targets, rule->interface, XDP_PASS) != XDP_REDIRECT)
    return XDP_PASS;
  if (rule->decrements_ttl && !age(context, known_family & 255, known_family >> 8 & 255))
    return XDP_PASS;
  if (rule->rewrites_macs) {
    u8 *macs = bytes_at(context, 0, ETHERNET_HEADER);
    if (!macs)
      return XDP_PASS;
    __builtin_memcpy(macs, rule->destination_mac, 6);
    __builtin_memcpy(macs + 6, rule->source_mac, 6);
  }
  return XDP_REDIRECT;
}

/* Sends the packet back to where it came from, its MAC addresses exchanged. */
GLOBAL int send_back(struct xdp_md *context) {
  u16 *macs = bytes_at(context, 0, ETHERNET_HEADER);
  if (!macs)
    return XDP_PASS;
  for (int i = 0; i < 3; i++) {
    u16 mine = macs[i];
    macs[i] = macs[i + 3];
    macs[i + 3] = mine;
  }
  return XDP_TX;
}

/* The socket of the rule's group for the queue that a packet arrived on, or NO_SOCKET. */
INLINE u32 member(const struct rule *rule, u32 place, u32 hash) {
  u32 at = place - rule->place;
  if (at >= rule->places)
    return NO_SOCKET;
  at = rule->first + at * rule->ways + (u32)((u64)hash * rule->ways >> 32);
  return at < MEMBERS ? tables.members[at] : NO_SOCKET;
}

/* Writes what was found out in front of the packet; 0 if it could not. */
INLINE struct facts *lay_facts(struct xdp_md *context, const struct rule *rule, u32 hash) {
  /* Somebody else's are there, or the driver keeps none. */
  if (!rule || context->data_meta != context->data)
    return 0;
  if (adjust_metadata(context, -(int)sizeof(struct facts)) != 0) /* not with every driver */
    return 0;
  struct facts *facts = (void *)(long)context->data_meta;
  if ((void *)(facts + 1) > (void *)(long)context->data)
    return 0;
  facts->seal = settings.seal;
  facts->time = settings.flags & STAMPS ? nanoseconds() : 0;
  facts->rule = rule->number;
  facts->hash = hash;
  facts->group = rule->group;
  facts->sources = 0;
  return facts;
}

/* A function of its own, which says whether it wrote them; there is another one (driver.bpf.c). */
typedef int facts_writer(struct xdp_md *context, const struct rule *rule, u32 hash);
GLOBAL int write_facts(struct xdp_md *context, const struct rule *rule, u32 hash) {
  return lay_facts(context, rule, hash) != 0;
}

/* Notes that a packet goes to a socket without its facts. The library looks after it has seen that
   the packet is on its ring, so it never takes other bytes for the facts of this one. */
INLINE void note_bare(struct port *port) {
  if (!*(volatile u32 *)&port->is_bare)
    *(volatile u32 *)&port->is_bare = 1;
}

/* A packet whose rule is known, on its way to a socket. */
struct passage {
  struct xdp_md *context;
  struct counters *count;
  struct port *port;
  const struct flow *flow; /* as the cache has it, or null */
};

/* The socket of the queue that it arrived on, or NO_SOCKET. */
INLINE u32 own_socket(const struct passage *at) {
  u32 queue = at->context->rx_queue_index;
  return queue < at->port->queue_count ? at->port->first_socket + queue : NO_SOCKET;
}

/* The hash of its flow, where somebody asks for it. */
INLINE u32 hash_of(const struct passage *at, const struct query *query) {
  return at->flow ? at->flow->hash : hash_by_rule(query);
}

INLINE int hand_over(
    const struct passage *at, u32 socket, const struct rule *rule, const struct query *query,
    facts_writer *write) {
  int has_facts = write && write(at->context, rule, hash_of(at, query));
  int verdict = to_socket(at->count, socket);
  if (write && !has_facts && verdict == XDP_REDIRECT)
    note_bare(at->port);
  if (has_facts && verdict != XDP_REDIRECT)
    adjust_metadata(at->context, sizeof(struct facts));
  return verdict;
}

INLINE int act(
    const struct passage *at, u32 action, const struct rule *rule, const struct query *query,
    facts_writer *write) {
  struct xdp_md *context = at->context;
  struct counters *count = at->count;
  int verdict;
  switch (action) {
  case TO_SOCKET:
    return hand_over(at, own_socket(at), rule, query, write);
  case TO_GROUP:
    return hand_over(at, member(rule, own_socket(at), hash_of(at, query)), rule, query, write);
  case TO_NOBODY:
    count->dropped++;
    return XDP_DROP;
  case TO_INTERFACE:
    verdict = forward(context, rule, (u32)query->key[0]);
    if (verdict == XDP_REDIRECT)
      count->forwarded++;
    else
      count->kernel++;
    return verdict;
  case TO_SENDER:
    verdict = send_back(context);
    if (verdict == XDP_TX)
      count->returned++;
    else
      count->kernel++;
    return verdict;
  default:
    count->kernel++;
    return XDP_PASS;
  }
}
