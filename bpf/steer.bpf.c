// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Steering: which packets go to the AF_XDP socket of their queue, to the kernel, or nowhere.
//
// This is the program that is attached. With no rules the default action holds and the packet is
// not even looked at: that is the transparent wire. With rules the other program goes on, which is
// loaded, with its maps, when the first rule comes (rules.bpf.c).
//
// It must load with and without BPF_F_XDP_HAS_FRAGS, and in libxdp's dispatcher.
#include "common.h"

struct {
  MAP_NUMBER(type, PROGRAM_ARRAY);
  MAP_NUMBER(max_entries, 1);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, u32);
} stages SECTION(".maps");

SECTION("xdp") int martlet_steer(struct xdp_md *context) {
  u32 zero = 0;
  struct settings *current = map_lookup(&settings, &zero);
  if (!current)
    return XDP_PASS;
  u32 word = word_in_force(current);
  if (ASKS_RULES(word)) {
    tail_call(context, &stages, 0);
    /* The application is gone and the rules with it. */
    return XDP_PASS;
  }
  u32 number = find_port(current, context->ingress_ifindex);
  if (number >= PORTS)
    return XDP_PASS;
  struct counters *count = map_lookup(&counters, &number);
  if (!count)
    return XDP_PASS;
  if (is_hung(current)) {
    count->hung++;
    return XDP_PASS;
  }
  switch (DEFAULT_OF(word)) {
  case TO_SOCKET:
    return to_own_socket(context, count, port_at(current, number));
  case TO_NOBODY:
    count->dropped++;
    return XDP_DROP;
  default:
    count->kernel++;
    return XDP_PASS;
  }
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
