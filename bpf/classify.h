/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the programs with rules make of a packet:
 *
 *   headers -> key -> flow cache --known--> what the flow was found to be
 *                         `--new--> shapes, one hash each -> chains of entries -> winner -> cache,
 *                                   from a flow's second packet on
 *
 * A set's tables are never written while a packet may look at them: the library writes a set
 * that is free and then the word that says which is in force; the cache's places carry that word.
 */
#pragma once
#include "actions.h"
#include "search.h"

/* A word of the key, of which no more than rules ask about. */
INLINE u64 word_of(const struct query *query, const struct set *set, int i) {
  return query->key[i] & set->mask[i];
}

/* Whether a place has the rest of the flow's key, where rules ask about it. */
INLINE int has_rare(u32 place, const struct query *query, const struct set *set) {
  struct rare_key *rare = map_lookup(&rare_keys, &place);
  if (!rare)
    return 0;
  return ((rare->key[0] ^ word_of(query, set, 6)) | (rare->key[1] ^ word_of(query, set, 7))) == 0;
}

/* Whether a flow stands at a place. */
INLINE int is_at(u32 place, const struct query *query, const struct set *set, u32 word) {
  struct flow *flow = map_lookup(&flows, &place);
  if (!flow)
    return 0;
  u64 differs = flow->word ^ word;
  for (int i = 0; i < COMMON_WORDS; i++)
    differs |= flow->key[i] ^ word_of(query, set, i);
  return !differs && (set->reach < REACH_RARE || has_rare(place, query, set));
}

/* Puts what a search found into the cache. */
GLOBAL int remember(const struct query *query, const struct set *set, u32 word, u32 place) {
  struct flow *flow = map_lookup(&flows, &place);
  if (!flow || !query || !set)
    return 0;
  flow->word = word;
  flow->hash = hash_by_rule(query);
  *(u64 *)&flow->winner = *(u64 *)&query->winner;
  for (int i = 0; i < COMMON_WORDS; i++)
    flow->key[i] = word_of(query, set, i);
  if (set->reach < REACH_RARE)
    return 0;
  struct rare_key *rare = map_lookup(&rare_keys, &place);
  if (!rare)
    return 0;
  rare->key[0] = word_of(query, set, 6);
  rare->key[1] = word_of(query, set, 7);
  return 0;
}

/* The tag of a place in the flow cache. */
INLINE u16 *tag_at(u32 place) {
  u32 line = place / TAGS;
  struct tags *found = map_lookup(&tags, &line);
  return found ? &found->of[place % TAGS] : 0;
}

/* Where a CPU's places begin in the flow cache, and where there a flow is looked for first. */
INLINE u32 base_of(u32 bits) { return processor() << bits; }
INLINE u32 first_of(u32 bits, u64 hash) { return (u32)(hash >> (64 - bits)); }

/* A flow that is not at its first place: at its second, if its tag is there. Else the rules are
   searched. A new flow's first packet leaves a tag, and only the next takes the place: many flows
   have no second one, and for those neither is a line of the cache written nor a known flow driven
   out. Answers with one more than its place, or with 0 once the query says what was found. */
GLOBAL u32 find_further(
    struct query *query, const struct set *set, struct counters *count, u32 word, u64 sought) {
  if (!query || !set || !count)
    return 0;
  u32 bits = set->cache_bits & 31;
  u32 base = base_of(bits);
  u32 place = base + first_of(bits, sought);
  u64 hash = finish(sought);
  u32 other = base + ((u32)(hash >> 8) & ((1 << bits) - 1));
  u16 tag = hash >> 32;
  u16 *first = tag_at(place);
  u16 *second = tag_at(other);
  if (!first || !second)
    return 0;
  int is_second = *second == tag;
  if (is_second) {
    place = other;
    if (is_at(place, query, set, word))
      return place + 1;
  }
  count->searched++;
  u32 counts = decide(query, SET_OF(word), set->shapes, set->count_shapes);
  if (is_second || *first == tag) {
    if (counts <= COUNTED) /* more than there is room for: asked anew for each packet */
      remember(query, set, word, place);
    return 0;
  }
  /* An empty place first. If both are in use, either: whom this drives out may have an empty place
     elsewhere, and always choosing the same could go round in circles. */
  if (*first && (!*second || finish(hash + count->searched) >> 63))
    first = second;
  *first = tag;
  return 0;
}

/* Counts for the rules that only count. */
GLOBAL int tally_all(const struct flow *flow, u32 length) {
  if (!flow)
    return 0;
#pragma clang loop unroll(disable)
  for (int i = 0; i < COUNTED; i++)
    if (flow->counted[i])
      tally(flow->counted[i], length);
  return 0;
}

/* What the packet's flow was found to be: from the cache, or now. Answers with the slot of the
   rule that decides, and with where the flow stands there, or null. Counts for the rules that only
   count. */
INLINE u32 find(
    struct query *query, const struct set *set, u32 word, u32 reach, struct counters *count,
    const struct flow **where) {
  u64 zeroth = word_of(query, set, 0);
  u64 ports = word_of(query, set, 1);
  u64 hash = MIX_KIND(zeroth);
  if (reach >= REACH_ADDRESSES) {
    hash += MIX_SHORT(word_of(query, set, 2), word_of(query, set, 4));
    if (reach >= REACH_LONG) {
      hash += MIX_LONG(word_of(query, set, 3), word_of(query, set, 5));
      if (reach >= REACH_RARE)
        hash += MIX_RARE(word_of(query, set, 6), word_of(query, set, 7));
    }
  }
  /* The ports of two hosts' flows often follow each other: their product alone lays those far apart
     from each other. */
  hash = finish(hash) + MIX_PORTS(ports);
  u32 bits = set->cache_bits & 31;
  u32 place = base_of(bits) + first_of(bits, hash);
  struct flow *flow = map_lookup(&flows, &place);
  int is_known = 0;
  if (flow) {
    u64 differs = (flow->word ^ word) | (flow->key[0] ^ zeroth) | (flow->key[1] ^ ports);
    /* What no rule of the set asks about is zero in all its flows. */
    if (reach >= REACH_ADDRESSES) {
      differs |= (flow->key[2] ^ word_of(query, set, 2)) | (flow->key[4] ^ word_of(query, set, 4));
      if (reach >= REACH_LONG)
        differs |=
            (flow->key[3] ^ word_of(query, set, 3)) | (flow->key[5] ^ word_of(query, set, 5));
    }
    is_known = !differs && (reach < REACH_RARE || has_rare(place, query, set));
  }
  if (!is_known) {
    query->is_silent = 0;
    *(u64 *)&query->winner = 0;
    place = find_further(query, set, count, word, hash);
    flow = 0;
    if (place) {
      place--;
      flow = map_lookup(&flows, &place);
    }
    if (!flow) {
      *where = 0;
      return query->winner;
    }
  }
  *where = flow;
  u64 slots = *(u64 *)&flow->winner;
  if (slots >> 16)
    tally_all(flow, query->length);
  return (u16)slots;
}

/* Reads the packet into the query's key. */
INLINE void read(struct xdp_md *context, struct query *query, u32 interface, u32 reach) {
  if (read_plain(context, query->key, interface, reach))
    return;
  __builtin_memset(query->key, 0, sizeof query->key);
  struct packet_key *fields = (void *)query->key;
  fields->interface = interface;
  fields->queue = context->rx_queue_index;
  read_packet(context, fields);
}

/* What becomes of a packet; `write` writes its facts, 0 if nobody asked for them. */
INLINE int steer(struct xdp_md *context, facts_writer *write) {
  struct place place;
  if (!find_place(context, &place))
    return XDP_PASS;
  struct counters *count = place.count;
  u32 word = place.word;
  if (!ASKS_RULES(word)) {
    int verdict = act_unseen(context, count, place.port, DEFAULT_OF(word));
    if (write && verdict == XDP_REDIRECT)
      note_bare(place.port);
    return verdict;
  }
  u32 which = SET_OF(word);
  struct set *set = map_lookup(&sets, &which);
  if (!set)
    return XDP_PASS;
  struct query query; /* `find` fills it in */
  query.length = settings.flags & SEVERAL_PIECES ? packet_length(context)
                                                 : context->data_end - context->data;
  u32 reach = set->reach;
  read(context, &query, place.interface, reach);
  const struct flow *flow;
  u32 slot = find(&query, set, word, reach, count, &flow);
  u32 key = slot;
  struct rule *rule = map_lookup(&rules, &key);
  if (!rule)
    return XDP_PASS;
  u32 action = DEFAULT_OF(word);
  if (slot) {
    tally(slot, query.length);
    action = rule->action;
  }
  struct passage at = {context, count, place.port, flow};
  return act(&at, action, rule, &query, write);
}
