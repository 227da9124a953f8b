// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The rules: what takes the place of the program without them (steer.bpf.c) when the first comes.
#include "classify.h"

/* libxdp's dispatcher takes no program that moves a packet's beginning or metadata: so there are
   two, of which one writes facts. */
SECTION("xdp") int martlet_rules(struct xdp_md *context) { return steer(context, 0); }
SECTION("facts") int martlet_facts(struct xdp_md *context) { return steer(context, write_facts); }

struct examination {
  const struct query *query;
  u32 first_entry;
};

/* Compares one entry of the set with the packet's key. */
static long examine(u32 number, struct examination *examination) {
  u32 place = number + 1;
  u32 at = examination->first_entry + number;
  struct entry *entry = map_lookup(&entries, &at);
  struct finding *finding = map_lookup(&findings, &place);
  if (!entry || !finding)
    return 1;
  for (int i = 0; i < WORDS; i++)
    finding->words[i] = difference(examination->query->key, entry, i);
  finding->clause = failing_clause(examination->query, entry->first_clause, entry->clauses);
  finding->winner = entry->slot;
  return 0;
}

/* Never attached: tried on a packet, it says of every entry of the set in force why it does or does
   not match, with the functions that decide about real packets. Counts nothing and sends nothing.
 */
SECTION("explain") int martlet_explain(struct xdp_md *context) {
  u32 zero = 0;
  struct finding *finding = map_lookup(&findings, &zero);
  if (!finding)
    return XDP_PASS;
  u32 word = word_in_force();
  u32 which = SET_OF(word);
  struct set *set = &tables.sets[which];
  struct query query = {.is_silent = 1};
  read(context, &query, context->ingress_ifindex, REACH_RARE);
  decide(&query, which, set->shapes, set->count_shapes);
  for (int i = 0; i < WORDS; i++)
    finding->words[i] = query.key[i];
  finding->winner = query.winner;
  finding->hash = hash_by_rule(&query);
  finding->clause = word;
  struct examination examination = {&query, set->first_entry};
  loop(set->entries, examine, &examination, 0);
  return XDP_PASS;
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
