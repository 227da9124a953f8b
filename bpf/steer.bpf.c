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

/* The general way: any port, and anything asked. */
APART int steer(struct xdp_md *context) {
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

/* The socket of the queue it arrived on, of a port whose number is known. The counters are looked
   up after the redirection: nothing is kept in a register across a call, so none is saved. */
INLINE int to_own_socket_fast(struct xdp_md *context, u32 number) {
  const struct port *port = &settings.ports[number];
  u32 queue = context->rx_queue_index;
  u32 key = number; /* in memory, as it has an address */
  struct counters *count;
  if (queue < port->queue_count &&
      redirect_map(&sockets, port->first_socket + queue, XDP_PASS) == XDP_REDIRECT) {
    count = map_lookup(&counters, &key);
    if (count)
      count->socket++;
    return XDP_REDIRECT;
  }
  count = map_lookup(&counters, &key);
  if (count)
    count->no_socket++;
  return XDP_PASS;
}

INLINE u32 fast_interface(u32 number) {
  return *(volatile u32 *)&settings.fast_interfaces[number];
}

/* The fast path is for the usual case: one port or two, and nothing asked. In a flood of packets
   every instruction shows. */
SECTION("xdp") int martlet_steer(struct xdp_md *context) {
  u32 interface = context->ingress_ifindex;
  if (fast_interface(0) == interface)
    return to_own_socket_fast(context, 0);
  if (fast_interface(1) == interface)
    return to_own_socket_fast(context, 1);
  return steer(context);
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
