// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The rules once more, with facts of the driver's own: loaded for one device, and apart from the
// others as it asks for names in the kernel, which take a while to look up and may not be there.
#include "classify.h"

/* What the driver knows of a packet, by the kernel's names. The verifier puts the driver's
   functions in their place; where the kernel has no such name there is nothing to call. */
#define OF_KERNEL __attribute__((section(".ksyms"), weak))
/* enum xdp_rss_hash_type: of which headers; 0: it is no hash. */
enum hash_type { NO_HASH = 0, HASH_TYPES = 0x7fffffff };
extern int bpf_xdp_metadata_rx_hash(
    const struct xdp_md *context, u32 *hash, enum hash_type *type) OF_KERNEL;
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md *context, u64 *time) OF_KERNEL;

/* Writes facts with what the driver knows in the place of what the program does. */
GLOBAL int write_driver_facts(struct xdp_md *context, const struct rule *rule, u32 hash) {
  enum hash_type type = NO_HASH;
  u64 time = 0;
  u32 found = 0;
  /* First: drivers read it where the facts will stand. */
  int has_hash = bpf_xdp_metadata_rx_hash &&
                 bpf_xdp_metadata_rx_hash(context, &found, &type) == 0 && type != NO_HASH;
  int has_time = settings.flags & STAMPS && bpf_xdp_metadata_rx_timestamp &&
                 bpf_xdp_metadata_rx_timestamp(context, &time) == 0 && time != 0;
  struct facts *facts = lay_facts(context, rule, has_hash ? found : hash);
  if (!facts)
    return 0;
  if (has_time)
    facts->time = time;
  facts->sources = (has_hash ? HASH_OF_DRIVER : 0) | (has_time ? TIME_OF_DRIVER : 0);
  return 1;
}

/* The kernel remembers where a program for one device lay before the verifier made it longer, and
   looks there when the device goes. One that had to be moved meanwhile brings the kernel down
   (docs/steering.md). So this one brings room along: instructions that nothing can come to, which
   the verifier takes out before it adds any. The library looks whether they were enough, and a test
   whether the whole leaves the end of its last page free (BoundProgramTests). They must
   not be enough for blinded constants, two more for each: who blinds may copy the program. */
#define ROOM ".rept 944; r0 = 0; .endr"

SECTION("driver") int martlet_driver(struct xdp_md *context) {
  u64 is_reached;
  asm volatile("%0 = 0" : "=r"(is_reached)); /* the verifier knows, the compiler does not */
  if (is_reached)
    asm volatile(ROOM ::: "r0");
  return steer(context, write_driver_facts);
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
