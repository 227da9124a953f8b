/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the programs with rules make of a packet:
 *
 *   headers -> key -> flow cache --known--> what the flow was found to be
 *                         `--new--> shapes, one hash each -> chains of entries -> winner -> cache,
 *                                   from a flow's second packet on
 *
 * A set's tables are never written while a packet may look at them: the library writes the other
 * set and then the word that says which is in force, and the cache's places carry that word.
 */
#pragma once
#include "actions.h"
#include "search.h"

/* A flow as the cache looks for it. */
struct sought {
  u64 key[COMMON_WORDS]; /* the bits that rules ask about */
  u64 hash;
  u32 word;
  u32 base;  /* where the places of this CPU begin */
  u32 bits;  /* log2 of how many there are */
  u32 first; /* where it is looked for first */
  const struct set *set;
};

/* Whether rules ask about what is not in the common words. */
INLINE int asks_rare(const struct set *set) { return set->mask[6] || set->mask[7]; }

/* Word 6 or 7 of the key. Few sets need them, so they are not kept. */
INLINE u64 rare_word(const struct query *query, const struct set *set, int i) {
  return query->key[i] & set->mask[i];
}

INLINE int is_in(
    const struct flow *flow, const struct rare_key *rare, const struct query *query,
    const struct sought *sought) {
  const u64 *key = sought->key;
  u64 differs = (flow->word ^ sought->word) | (flow->key[0] ^ key[0]) | (flow->key[1] ^ key[1]) |
                (flow->key[2] ^ key[2]) | (flow->key[3] ^ key[3]) | (flow->key[4] ^ key[4]) |
                (flow->key[5] ^ key[5]);
  if (rare)
    differs |= (rare->key[0] ^ rare_word(query, sought->set, 6)) |
               (rare->key[1] ^ rare_word(query, sought->set, 7));
  return differs == 0;
}

/* Puts what a search found into the cache. */
INLINE void remember(
    const struct query *query, const struct sought *sought, struct flow *flow,
    struct rare_key *rare) {
  if (query->counts > COUNTED) /* more than there is room for: asked anew for each packet */
    return;
  flow->word = sought->word;
  flow->hash = query->hash;
  flow->winner = query->winner;
  flow->counted[0] = query->counted[0];
  flow->counted[1] = query->counted[1];
  flow->counted[2] = query->counted[2];
  for (int i = 0; i < COMMON_WORDS; i++)
    flow->key[i] = sought->key[i];
  if (rare) {
    rare->key[0] = rare_word(query, sought->set, 6);
    rare->key[1] = rare_word(query, sought->set, 7);
  }
}

/* The tag of a place in the flow cache. */
INLINE u16 *tag_at(u32 place) {
  u32 line = place / TAGS;
  struct tags *found = map_lookup(&tags, &line);
  return found ? &found->of[place % TAGS] : 0;
}

/* A flow that is not at its first place: at its second, if its tag is there. Else the rules are
   searched. A new flow's first packet leaves a tag, and only the next takes the place: many flows
   have no second one, and for those neither is a line of the cache written nor a known flow driven
   out. Answers with where it stands, or null once the query says what was found. */
INLINE struct flow *find_further(
    struct query *query, const struct sought *sought, struct counters *count) {
  u64 hash = finish(sought->hash);
  u16 tag = hash >> 32;
  u16 *first = tag_at(sought->first);
  u32 other = sought->base + ((u32)(hash >> 8) & ((1 << sought->bits) - 1));
  u16 *second = tag_at(other);
  if (!first || !second)
    return 0;
  int is_second = *second == tag;
  u32 place = is_second ? other : sought->first;
  struct flow *flow = map_lookup(&flows, &place);
  struct rare_key *rare = asks_rare(sought->set) ? map_lookup(&rare_keys, &place) : 0;
  if (!flow)
    return 0;
  if (is_second && is_in(flow, rare, query, sought))
    return flow;
  count->searched++;
  query->hash = query->winner = query->counts = query->is_silent = query->zero = 0;
  *(u64 *)query->counted = 0;
  decide(query, SET_OF(sought->word));
  if (is_second || *first == tag) {
    remember(query, sought, flow, rare);
    return 0;
  }
  /* An empty place first. If both are in use, either: whom this drives out may have an empty place
     elsewhere, and always choosing the same could go round in circles. */
  if (*first && (!*second || finish(hash + count->searched) >> 63))
    first = second;
  *first = tag;
  return 0;
}

/* What the packet's flow was found to be: from the cache, or now. Fills in the query's winner,
   hash and length, and counts for the rules that only count. */
INLINE void find(
    struct query *query, const struct set *set, u32 word, struct counters *count) {
  struct sought sought;
  for (int i = 0; i < COMMON_WORDS; i++)
    sought.key[i] = query->key[i] & set->mask[i];
  u64 hash = MIX_KIND(sought.key[0]) + MIX_ADDRESSES(sought.key);
  if (asks_rare(set))
    hash += MIX_RARE(rare_word(query, set, 6), rare_word(query, set, 7));
  sought.set = set;
  sought.word = word;
  /* The ports of two hosts' flows often follow each other: their product alone lays those far apart
     from each other. */
  sought.hash = finish(hash) + MIX_PORTS(sought.key[1]);
  sought.bits = set->cache_bits & 31;
  sought.base = processor() << sought.bits;
  u32 place = sought.base + (u32)(sought.hash >> (64 - sought.bits));
  sought.first = place;
  struct flow *flow = map_lookup(&flows, &place);
  struct rare_key *rare = asks_rare(set) ? map_lookup(&rare_keys, &place) : 0;
  if (!flow)
    return;
  if (!is_in(flow, rare, query, &sought)) {
    flow = find_further(query, &sought, count);
    if (!flow)
      return;
  }
  query->winner = flow->winner;
  query->hash = flow->hash;
  u64 counted = *(u64 *)&flow->winner >> 16;
  if (counted) {
    for (int i = 0; i < COUNTED; i++)
      if (flow->counted[i])
        tally(flow->counted[i], query->length);
  }
}

/* Reads the packet into the query's key. */
INLINE void read(struct xdp_md *context, struct query *query) {
  if (read_plain(context, query->key))
    return;
  __builtin_memset(query->key, 0, sizeof query->key);
  struct packet_key *fields = (void *)query->key;
  fields->interface = context->ingress_ifindex;
  fields->queue = context->rx_queue_index;
  read_packet(context, fields);
}

/* What becomes of a packet; `write` writes its facts, 0 if nobody asked for them. */
INLINE int steer(struct xdp_md *context, facts_writer *write) {
  struct place place;
  if (!find_place(context, &place))
    return XDP_PASS;
  struct settings *current = place.settings;
  struct counters *count = place.count;
  u32 number = place.number;
  u32 word = place.word;
  if (!ASKS_RULES(word)) {
    int verdict = act_unseen(context, count, port_at(current, number), DEFAULT_OF(word));
    if (write && verdict == XDP_REDIRECT)
      note_bare(port_at(current, number));
    return verdict;
  }
  u32 which = SET_OF(word);
  struct set *set = map_lookup(&sets, &which);
  if (!set)
    return XDP_PASS;
  struct query query; /* `find` fills it in */
  query.length = current->flags & SEVERAL_PIECES ? packet_length(context)
                                                 : context->data_end - context->data;
  read(context, &query);
  find(&query, set, word, count);
  u32 slot = query.winner;
  struct rule *rule = map_lookup(&rules, &slot);
  if (!rule)
    return XDP_PASS;
  u32 action = DEFAULT_OF(word);
  if (slot) {
    tally(slot, query.length);
    action = rule->action;
  }
  struct passage at = {context, current, count, port_at(current, number)};
  return act(&at, action, rule, &query, write);
}
