// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Steering: which packets go to the AF_XDP socket of their queue, to the kernel, or nowhere.
//
// This is the program without rules: the default action holds for every packet, which is not even
// looked at. That is the transparent wire. When the first rule comes, rules.bpf.c takes its place
// on every interface: it and its maps take longer to load.
//
// It must load with and without BPF_F_XDP_HAS_FRAGS, and in libxdp's dispatcher.
#include "common.h"

struct {
  MAP_NUMBER(type, PER_CPU_ARRAY);
  MAP_NUMBER(max_entries, PORTS);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, struct counters);
} counters SECTION(".maps");

/* Whether every packet is meant for a socket and nothing is asked before: no rules are on their
   way, none wait to be confirmed, and no heart has to beat. */
INLINE int is_plain(void) {
  u32 word = *(volatile u32 *)&settings.rules;
  u64 deadline = *(volatile u64 *)&settings.deadline;
  u32 beat_limit = *(volatile u32 *)&settings.beat_limit;
  return IS_PLAIN(word, TO_SOCKET) && !deadline && !beat_limit;
}

/* The socket of a port that is known beforehand, so that nothing has to be computed. */
INLINE int to_socket_of(struct xdp_md *context, u32 number) {
  u32 key = number; /* in memory, as it has an address */
  struct counters *count = map_lookup(&counters, &key);
  return count ? to_own_socket(context, count, &settings.ports[number]) : XDP_PASS;
}

/* Whatever port it is, and whatever is asked. */
GLOBAL int steer(struct xdp_md *context) {
  struct place place;
  if (!find_place(context, &place))
    return XDP_PASS;
  struct counters *count = map_lookup(&counters, &place.number);
  if (!count)
    return XDP_PASS;
  if (is_hung(place.port, context)) {
    count->hung++;
    return XDP_PASS;
  }
  if (ASKS_RULES(place.word)) /* the other program is on its way */
    return XDP_PASS;
  return act_unseen(context, count, place.port, DEFAULT_OF(place.word));
}

/* Mostly nothing is asked, and there are one or two ports, which are those with the lowest numbers.
   Each has a way of its own: in a flood of packets every instruction shows. */
SECTION("xdp") int martlet_steer(struct xdp_md *context) {
  if (is_plain()) {
    if (settings.ports[0].interface == context->ingress_ifindex)
      return to_socket_of(context, 0);
    if (settings.ports[1].interface == context->ingress_ifindex)
      return to_socket_of(context, 1);
  }
  return steer(context);
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
