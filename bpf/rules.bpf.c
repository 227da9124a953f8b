// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The rules: what takes the place of the program without them (steer.bpf.c) when the first comes.
#include "classify.h"

/* libxdp's dispatcher takes no program that moves a packet's beginning or metadata: so there are
   two, of which one writes facts. */
SECTION("xdp") int martlet_rules(struct xdp_md *context) { return steer(context, 0); }
SECTION("facts") int martlet_facts(struct xdp_md *context) { return steer(context, write_facts); }

/* Compares one entry of the set with the search's key. */
static long examine(u32 number, struct search *search) {
  u32 place = number + 1;
  u32 at = search->entry + number;
  struct entry *entry = map_lookup(&entries, &at);
  struct finding *finding = map_lookup(&findings, &place);
  if (!entry || !finding)
    return 1;
  for (int i = 0; i < WORDS; i++)
    finding->words[i] = difference(search->key, entry, i);
  finding->clause = failing_clause(search, entry->first_clause, entry->clauses);
  finding->winner = entry->slot;
  return 0;
}

/* Never attached: tried on a packet, it says of every entry of the set in force why it does or does
   not match, with the functions that decide about real packets. Counts nothing and sends nothing.
 */
SECTION("explain") int martlet_explain(struct xdp_md *context) {
  u32 zero = 0;
  struct settings *current = map_lookup(&settings, &zero);
  struct finding *finding = map_lookup(&findings, &zero);
  if (!current || !finding)
    return XDP_PASS;
  u32 word = word_in_force(current);
  u32 which = SET_OF(word);
  struct set *set = map_lookup(&sets, &which);
  if (!set)
    return XDP_PASS;
  struct query query = {.is_silent = 1};
  read(context, &query);
  decide(&query, which);
  struct search search = {.entry = set->first_entry};
  for (int i = 0; i < WORDS; i++)
    finding->words[i] = search.key[i] = query.key[i];
  finding->winner = query.winner;
  finding->hash = query.hash;
  finding->clause = word;
  loop(set->entries, examine, &search, 0);
  return XDP_PASS;
}

const char terms[] SECTION("license") = "Dual BSD/GPL";
