// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Traffic for tests and benchmarks: a source that sends frames without a socket, sinks and ways
// back that cost as little as the kernel can, and a count of system calls.
//
// The source runs by BPF_PROG_TEST_RUN with live frames. The kernel uses a frame again once it is
// through, with whatever became of it on the way, so its headers are written anew each time.
#include "kernel.h"

/* What is sent, where what arrives goes, and whose system calls count. */
struct plan {
  u32 interface;
  u32 flows; /* 0: one flow; else as many less one, a power of two less one */
  u32 process;
  u32 reserved;
  u64 words[8]; /* the first 64 bytes of a frame */
};

struct {
  MAP_NUMBER(type, ARRAY);
  MAP_NUMBER(max_entries, 1);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, struct plan);
} plans SECTION(".maps");

struct {
  MAP_NUMBER(type, PER_CPU_ARRAY);
  MAP_NUMBER(max_entries, 1);
  MAP_TYPE(key, u32);
  MAP_TYPE(value, u64);
} counts SECTION(".maps");

static u64 (*const process_and_thread)(void) = (void *)14;

INLINE struct plan *the_plan(void) {
  u32 zero = 0;
  return map_lookup(&plans, &zero);
}

/* Counts and answers with how many came before. */
INLINE u64 count(void) {
  u32 zero = 0;
  u64 *counter = map_lookup(&counts, &zero);
  return counter ? (*counter)++ : 0;
}

INLINE void *whole_frame(struct xdp_md *context, u32 length) {
  void *data = (void *)(long)context->data;
  return data + length <= (void *)(long)context->data_end ? data : 0;
}

/* Writes the frame and sends it. Flows differ in the source port and, where there are more, in the
   lower half of the source's IPv4 address. */
SECTION("xdp") int generate(struct xdp_md *context) {
  struct plan *plan = the_plan();
  u64 *words = whole_frame(context, 64);
  if (!plan || !words)
    return XDP_DROP;
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++)
    words[i] = plan->words[i];
  if (plan->flows) {
    u32 flow = (u32)count() & plan->flows;
    *(u16 *)((void *)words + 34) = (u16)flow;
    *(u16 *)((void *)words + 28) = (u16)(flow >> 16);
  }
  return redirect(plan->interface, 0);
}

/* The cheapest sink: counts. */
SECTION("xdp") int sink(struct xdp_md *context) {
  (void)context;
  count();
  return XDP_DROP;
}

/* What makes an interface poll for frames that others redirect to it. */
SECTION("xdp") int pass(struct xdp_md *context) {
  (void)context;
  return XDP_PASS;
}

/* Sends back, with the addresses swapped. */
SECTION("xdp") int reflect(struct xdp_md *context) {
  u16 *address = whole_frame(context, 14);
  if (!address)
    return XDP_DROP;
#pragma clang loop unroll(full)
  for (int i = 0; i < 3; i++) {
    u16 part = address[i];
    address[i] = address[i + 3];
    address[i + 3] = part;
  }
  return XDP_TX;
}

/* Sends out of another interface. */
SECTION("xdp") int forward(struct xdp_md *context) {
  struct plan *plan = the_plan();
  (void)context;
  return plan ? redirect(plan->interface, 0) : XDP_DROP;
}

/* Counts the system calls of a process. */
SECTION("raw_tracepoint/sys_enter") int calls(void *context) {
  struct plan *plan = the_plan();
  (void)context;
  if (plan && plan->process == process_and_thread() >> 32)
    count();
  return 0;
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
