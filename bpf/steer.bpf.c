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

SECTION("xdp") int martlet_steer(struct xdp_md *context) {
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

const char terms[] SECTION("license") = "Dual BSD/GPL";
