// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Steering: which packets go to the AF_XDP socket of their queue, to the kernel, or nowhere.
//
// This is the program without rules: the default action holds for every packet, which is not even
// looked at. That is the transparent wire. When the first rule comes, rules.bpf.c takes its place
// on every interface: it and its maps take longer to load.
//
// It must load with and without BPF_F_XDP_HAS_FRAGS, and in libxdp's dispatcher.
#include "common.h"

SECTION("xdp") int martlet_steer(struct xdp_md *context) {
  u32 zero = 0;
  struct settings *current = map_lookup(&settings, &zero);
  if (!current)
    return XDP_PASS;
  u32 word = word_in_force(current);
  if (ASKS_RULES(word)) /* the other program is on its way */
    return XDP_PASS;
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
  return act_unseen(context, count, port_at(current, number), DEFAULT_OF(word));
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
