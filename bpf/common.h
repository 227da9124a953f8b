/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the programs have in common: the maps that both see, and what they do with a packet whose
   action is known. */
#pragma once
#include "kernel.h"
#include "steer.h"

struct {
  MAP_NUMBER(type, XSKMAP);
  MAP_NUMBER(max_entries, 1); /* the loader sets it: queues of all ports together, and more */
  MAP_TYPE(key, u32);
  MAP_TYPE(value, u32);
} sockets SECTION(".maps");

/* What the library says, by plain stores. A map as well (.data), of which the program knows where
   it lies. */
struct settings settings SECTION(".data");

/* The rules in force: the new ones only as long as they are confirmed or need not be yet. */
INLINE u32 word_in_force(void) {
  u32 word = *(volatile u32 *)&settings.rules;
  u64 deadline = *(volatile u64 *)&settings.deadline;
  if (deadline && (long long)(jiffies() - deadline) > 0)
    return *(volatile u32 *)&settings.fallback;
  return word;
}

/* The number of the port that is this interface, or PORTS. */
GLOBAL u32 search_port(u32 interface) {
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < PORTS; i++)
    if (settings.ports[i].interface == interface)
      return i;
  return PORTS;
}

/* The same, at once for the first port. Its zero is a difference: a constant would have the
   verifier walk through the rest of the program once more. */
INLINE u32 find_port(u32 interface) {
  u32 first = settings.ports[0].interface;
  if (first != interface)
    return search_port(interface);
  asm volatile("" : "+r"(first));
  return first - interface;
}

/* The port with a number below PORTS. The verifier has to see the bound where it is used. */
INLINE struct port *port_at(u32 number) {
  asm volatile("" : "+r"(number));
  return &settings.ports[number & (PORTS - 1)];
}

/* Whether the worker that serves the queue has not been heard of for too long. */
INLINE int is_hung(const struct port *port, const struct xdp_md *context) {
  u32 limit = *(volatile u32 *)&settings.beat_limit;
  if (!limit)
    return 0;
  u32 worker = 0;
  u32 socket = port->first_socket + context->rx_queue_index;
  if (socket < OWNED_SOCKETS)
    worker = settings.owners[socket & (OWNED_SOCKETS - 1)];
  u64 beat = *(volatile u64 *)&settings.beats[worker & (WORKERS - 1)];
  return (long long)(jiffies() - beat) > limit;
}

/* Where a packet arrived, and what is in force there. */
struct place {
  u32 number; /* of the port */
  struct port *port;
  u32 word;   /* the rules in force */
  u32 interface;
};

/* Finds it; 0 if nobody steers there. */
INLINE int find_place(struct xdp_md *context, struct place *place) {
  place->word = word_in_force();
  place->interface = context->ingress_ifindex;
  place->number = find_port(place->interface);
  if (place->number >= PORTS)
    return 0;
  place->port = port_at(place->number);
  return 1;
}

/* A socket takes it; if there is none, the kernel does. */
INLINE int to_socket(struct counters *count, u32 socket) {
  /* The last argument is the verdict where the map has no socket. */
  if (redirect_map(&sockets, socket, XDP_PASS) == XDP_REDIRECT) {
    count->socket++;
    return XDP_REDIRECT;
  }
  count->no_socket++;
  asm volatile(""); /* or both are counted in one place, whose address waits for the answer */
  return XDP_PASS;
}

/* The socket of the queue it arrived on. */
INLINE int to_own_socket(struct xdp_md *context, struct counters *count, struct port *port) {
  u32 queue = context->rx_queue_index;
  if (queue < port->queue_count)
    return to_socket(count, port->first_socket + queue);
  count->no_socket++;
  return XDP_PASS;
}

/* What becomes of a packet that is not looked at. */
INLINE int act_unseen(
    struct xdp_md *context, struct counters *count, struct port *port, u32 action) {
  switch (action) {
  case TO_SOCKET:
    return to_own_socket(context, count, port);
  case TO_NOBODY:
    count->dropped++;
    return XDP_DROP;
  default:
    count->kernel++;
    return XDP_PASS;
  }
}
