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

/* The place of the flow cache that a number below `layout.places` names, the rest of its key and
   its tag. */
INLINE struct flow *flow_at(struct cpu *cpu, u64 place) {
  struct flow *flow = &cpu->flows[place];
  asm volatile("" : "+r"(flow)); /* or each of its fields is reckoned out by itself */
  return flow;
}
INLINE struct rare_key *rare_key_at(struct cpu *cpu, u64 place) {
  return (struct rare_key *)((void *)cpu + layout.rare_keys) + place;
}
INLINE struct tag *tag_at(struct cpu *cpu, u64 place) {
  return (struct tag *)((void *)cpu + layout.tags) + place;
}

/* Where a flow is looked for first, and second, and the tag that tells it from others there. */
INLINE u64 first_of(u64 hash) { return hash >> layout.shift; }
INLINE u64 second_of(u64 hash) { return finish(hash) >> layout.shift; }
INLINE u8 tag_of(u64 hash) {
  u8 tag = hash >> 32;
  return tag ? tag : 1; /* 0 is nobody's */
}

/* Whether a place has the rest of the flow's key, where rules ask about it. */
INLINE int has_rare(const struct rare_key *rare, const struct query *query, const struct set *set) {
  return ((rare->key[0] ^ word_of(query, set, 6)) | (rare->key[1] ^ word_of(query, set, 7))) == 0;
}

/* Whether a flow stands at a place. */
INLINE int is_at(
    struct cpu *cpu, u64 place, const struct query *query, const struct set *set, u32 word,
    u32 reach) {
  struct flow *flow = flow_at(cpu, place);
  u64 differs = (flow->word ^ word) | (flow->key[0] ^ word_of(query, set, 0)) |
                (flow->key[1] ^ word_of(query, set, 1));
  /* What no rule of the set asks about is zero in all its flows. */
  if (reach >= REACH_ADDRESSES) {
    differs |= (flow->key[2] ^ word_of(query, set, 2)) | (flow->key[4] ^ word_of(query, set, 4));
    if (reach >= REACH_LONG)
      differs |= (flow->key[3] ^ word_of(query, set, 3)) | (flow->key[5] ^ word_of(query, set, 5));
  }
  return !differs && (reach < REACH_RARE || has_rare(rare_key_at(cpu, place), query, set));
}

/* Puts what a search found into the cache. */
GLOBAL int remember(const struct query *query, const struct set *set, u32 word, u32 where) {
  struct cpu *cpu = this_cpu();
  if (!cpu || !query || !set)
    return 0;
  u64 place = where & (layout.places - 1);
  struct flow *flow = flow_at(cpu, place);
  flow->word = word;
  flow->hash = hash_by_rule(query);
  *(u64 *)&flow->winner = *(u64 *)&query->winner;
  for (int i = 0; i < COMMON_WORDS; i++)
    flow->key[i] = word_of(query, set, i);
  if (set->reach < REACH_RARE)
    return 0;
  struct rare_key *rare = rare_key_at(cpu, place);
  rare->key[0] = word_of(query, set, 6);
  rare->key[1] = word_of(query, set, 7);
  return 0;
}

/* Whether a flow takes a place that it does not stand at: it left its tag there with the packet
   before, or stood there before the rules changed. One that has its tag by chance stays there: or
   the two would drive each other out for ever. */
INLINE int is_own(const struct tag *found, u8 tag, struct cpu *cpu, u64 place, u32 word) {
  return found->candidate == tag || (found->known == tag && flow_at(cpu, place)->word != word);
}

/* A flow that is not at its first place: at its second, if its tag is there. Else the rules are
   searched. A new flow's first packet leaves a tag, and only the next takes the place: many flows
   have no second one, and for those neither is a line of the cache written nor, unless another has
   the same tag, a known flow driven out. Answers with one more than its place, or with 0 once the
   query says what was found. */
GLOBAL u32 find_further(
    struct query *query, const struct set *set, struct counters *count, u32 word, u64 hash) {
  struct cpu *cpu = this_cpu();
  if (!cpu || !query || !set || !count)
    return 0;
  u64 place = first_of(hash);
  u64 other = second_of(hash);
  u8 tag = tag_of(hash);
  struct tag *first = tag_at(cpu, place);
  struct tag *second = tag_at(cpu, other);
  if (second->known == tag && is_at(cpu, other, query, set, word, set->reach))
    return (u32)other + 1;
  count->searched++;
  u32 counts = decide(query, SET_OF(word), set->shapes, set->count_shapes);
  struct tag *own = 0;
  if (is_own(first, tag, cpu, place, word)) {
    own = first;
  } else if (is_own(second, tag, cpu, other, word)) {
    own = second;
    place = other;
  }
  if (!own) {
    /* An empty place first. If both are in use, either: whom this drives out may have an empty
       place elsewhere, and always choosing the same could go round in circles. */
    if (*(u16 *)first && (!*(u16 *)second || finish(hash + count->searched) >> 63))
      first = second;
    first->candidate = tag;
  } else if (counts <= COUNTED) { /* more have no room: such a flow is searched for each time */
    remember(query, set, word, place);
    own->known = tag;
    own->candidate = 0;
  }
  return 0;
}

/* Counts for the rules that only count. */
GLOBAL int tally_all(const struct flow *flow, u32 length) {
  struct cpu *cpu = this_cpu();
  if (!cpu || !flow)
    return 0;
#pragma clang loop unroll(disable)
  for (int i = 0; i < COUNTED; i++)
    if (flow->counted[i])
      tally(cpu, flow->counted[i], length);
  return 0;
}

/* What the packet's flow was found to be: from the cache, or now. Answers with the slot of the
   rule that decides, and with where the flow stands there, or null. Counts for the rules that only
   count. */
INLINE u64 find(
    struct query *query, const struct set *set, u32 word, u32 reach, struct cpu *cpu,
    struct counters *count, const struct flow **where) {
  u64 hash = MIX_KIND(word_of(query, set, 0));
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
  hash = finish(hash) + MIX_PORTS(word_of(query, set, 1));
  u64 place = first_of(hash);
  *where = 0;
  if (tag_at(cpu, place)->known != tag_of(hash) || !is_at(cpu, place, query, set, word, reach)) {
    query->is_silent = 0;
    *(u64 *)&query->winner = 0;
    place = find_further(query, set, count, word, hash);
    if (place == 0)
      return query->winner;
    place = (place - 1) & (layout.places - 1);
  }
  struct flow *flow = flow_at(cpu, place);
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
  struct cpu *cpu = this_cpu();
  if (!cpu)
    return XDP_PASS;
  struct counters *count = counters_at(cpu, place.number);
  if (is_hung(place.port, context)) {
    count->hung++;
    return XDP_PASS;
  }
  u32 word = place.word;
  if (!ASKS_RULES(word)) {
    int verdict = act_unseen(context, count, place.port, DEFAULT_OF(word));
    if (write && verdict == XDP_REDIRECT)
      note_bare(place.port);
    return verdict;
  }
  struct set *set = &tables.sets[SET_OF(word)];
  struct query query; /* `find` fills it in */
  query.length = settings.flags & SEVERAL_PIECES ? packet_length(context)
                                                 : context->data_end - context->data;
  u32 reach = set->reach;
  read(context, &query, place.interface, reach);
  const struct flow *flow;
  u64 slot = find(&query, set, word, reach, cpu, count, &flow);
  struct rule *rule = rule_of(slot);
  u32 action = DEFAULT_OF(word);
  if (slot) {
    tally(cpu, slot, query.length);
    action = rule->action;
  }
  struct passage at = {context, count, place.port, flow};
  return act(&at, action, rule, &query, write);
}
