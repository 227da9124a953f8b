/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Finds the rule that decides about a packet: the maps with the rules, and the search in them. */
#pragma once
#include "common.h"
#include "headers.h"

/* The loader gives each map its size and shares those of common.h with the program without rules.
   They are mappable, as the library writes most of them by plain stores; so the elements also begin
   where a page does, and one of 64 bytes is one line of the processor's cache. */
#define MAP(name, type_of_value)                                                                   \
  struct {                                                                                         \
    MAP_NUMBER(type, ARRAY);                                                                       \
    MAP_NUMBER(max_entries, 1);                                                                    \
    MAP_NUMBER(map_flags, MAPPABLE);                                                               \
    MAP_TYPE(key, u32);                                                                            \
    MAP_TYPE(value, type_of_value);                                                                \
  } name SECTION(".maps")

MAP(sets, struct set);           /* two */
MAP(shapes, struct shape);       /* SHAPES of each set */
MAP(heads, u32);                 /* HEADS of each: the first entry of a chain, 0: none */
MAP(entries, struct entry);      /* chained by their numbers; 0 is nobody's */
MAP(clauses, struct clause);
MAP(rules, struct rule);         /* by slot; 0 stands for none */
MAP(members, u32);               /* numbers of sockets */
MAP(tallies, struct tally);      /* SLOTS of each CPU */
MAP(tags, struct tags);          /* of TAGS flows each */
MAP(flows, struct flow);         /* as many of each CPU as the set says */
MAP(rare_keys, struct rare_key); /* beside the flows */
MAP(findings, struct finding);   /* of `explain` */

/* The sizes that the program needs to know; the library has the same. */
#define SHAPES 64
#define SLOTS 8200
#define CLAUSES 32 /* of one entry */

/* A hash of key words: each multiplied on its own, so that the machine does them side by side. What
   tells addresses apart stands mostly in their last bytes, and a product hands bits on upwards
   only: so their words are turned round first. */
#define MIXED(word, factor) ((word) * (factor))
#define MIX_ADDRESSES(words)                                                                       \
  (MIXED(swap64((words)[2]), 0x165667b19e3779f9ull) +                                              \
   MIXED(swap64((words)[3]), 0xd6e8feb86659fd93ull) +                                              \
   MIXED(swap64((words)[4]), 0xa0761d6478bd642full) +                                              \
   MIXED(swap64((words)[5]), 0xe7037ed1a0b428dbull))
#define MIX_KIND(word) MIXED(word, 0x9e3779b97f4a7c15ull)
#define MIX_PORTS(word) MIXED(word, 0xc2b2ae3d27d4eb4full)
#define MIX_RARE(sixth, seventh)                                                                   \
  (MIXED(sixth, 0x8ebc6af09c88c6e3ull) + MIXED(seventh, 0x589965cc75374cc3ull))
#define MIX(words)                                                                                 \
  (MIX_KIND((words)[0]) + MIX_PORTS((words)[1]) + MIX_ADDRESSES(words) +                           \
   MIX_RARE((words)[6], (words)[7]))
INLINE u64 finish(u64 hash) {
  hash ^= hash >> 29;
  return hash * 0xbf58476d1ce4e5b9ull;
}

/* A packet, and what was found out about it. */
struct query {
  u64 key[WORDS];
  u32 length;
  u32 hash;       /* of the flow */
  u32 winner;     /* the slot of the rule that decides; 0: none */
  u32 counts;     /* how many rules only counted */
  u16 counted[4]; /* and the first of them */
  u32 is_silent;  /* nothing is counted */
  u32 zero;
};

/* A search of one set. */
struct search {
  u64 key[WORDS];
  u32 set;
  u32 shape;
  u32 last_shape;
  u32 entry;  /* the next of the chain; 0: the next shape has its turn */
  u32 rank;   /* nothing of this rank or beyond is of interest */
  u32 winner; /* a slot */
  u32 only_counts;
  u32 counts; /* how many rules counted */
  u16 counted[4];
  u32 length;
  u32 is_silent;
};

/* Whether a clause holds for a key. */
GLOBAL u32 holds(const struct search *search, u32 number) {
  struct clause *clause = map_lookup(&clauses, &number);
  if (!clause || !search)
    return 0;
  const u64 *key = search->key;
  const struct packet_key *fields = (const void *)search->key;
  u32 is_met;
  if (clause->kind == KEY_EQUALS) {
    u64 differs = (key[0] ^ clause->first_value) & clause->first_mask;
    u32 pair = clause->pair & 3;
    u64 low = pair == 0 ? key[0] : pair == 1 ? key[2] : pair == 2 ? key[4] : key[6];
    u64 high = pair == 0 ? key[1] : pair == 1 ? key[3] : pair == 2 ? key[5] : key[7];
    differs |= (low ^ clause->value[0]) & clause->mask[0];
    differs |= (high ^ clause->value[1]) & clause->mask[1];
    is_met = differs == 0;
  } else {
    u32 port = swap16(
        clause->kind == SOURCE_PORT_IN ? fields->source_port : fields->destination_port);
    is_met = fields->known & KNOWN_PORTS && clause->low <= port && port <= clause->high;
  }
  return is_met != clause->is_negated;
}

/* The number of the first clause of an entry that does not hold, or CLAUSES. */
GLOBAL u32 failing_clause(const struct search *search, u32 first, u32 count) {
  if (!search)
    return 0;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < CLAUSES && i < count; i++)
    if (!holds(search, first + i))
      return i;
  return CLAUSES;
}

INLINE u64 difference(const u64 *key, const struct entry *entry, int i) {
  return (key[i] ^ entry->value[i]) & entry->mask[i];
}

INLINE int matches(const struct search *search, const struct entry *entry) {
  const u64 *key = search->key;
  u64 differs = difference(key, entry, 0) | difference(key, entry, 1) |
                difference(key, entry, 2) | difference(key, entry, 3) |
                difference(key, entry, 4) | difference(key, entry, 5) |
                difference(key, entry, 6) | difference(key, entry, 7);
  if (differs)
    return 0;
  return !entry->clauses ||
         failing_clause(search, entry->first_clause, entry->clauses) == CLAUSES;
}

INLINE void tally(u32 slot, u32 length) {
  u32 place = processor() * SLOTS + slot;
  struct tally *tally = map_lookup(&tallies, &place);
  if (!tally)
    return;
  tally->packets++;
  tally->bytes += length;
  tally->last = jiffies();
}

/* The shape's chain for this key. */
INLINE u32 head_of(const struct search *search, const struct shape *shape) {
  u64 words[WORDS];
  for (int i = 0; i < WORDS; i++)
    words[i] = search->key[i] & shape->mask[i];
  u32 place = shape->heads + (u32)(finish(MIX(words)) >> (shape->shift & 63));
  u32 *head = map_lookup(&heads, &place);
  return head ? *head : 0;
}

/* One step of a search: to the next shape if a chain is at its end, then one entry of the chain.
   Says whether the search is over. */
static long step(u32 number, struct search *search) {
  (void)number;
  if (search->entry == 0) {
    if (search->shape >= search->last_shape)
      return 1;
    u32 place = search->set * SHAPES + search->shape;
    struct shape *shape = map_lookup(&shapes, &place);
    if (!shape || shape->best >= search->rank) /* and so are those behind it */
      return 1;
    search->shape++;
    search->entry = head_of(search, shape);
    if (search->entry == 0)
      return 0;
  }
  struct entry *entry = map_lookup(&entries, &search->entry);
  if (!entry || entry->rank >= search->rank) {
    search->entry = 0;
    return 0;
  }
  u32 next = entry->next;
  if (matches(search, entry)) {
    if (search->only_counts) {
      if (!search->is_silent)
        tally(entry->slot, search->length);
      if (search->counts < COUNTED)
        search->counted[search->counts & 3] = entry->slot;
      search->counts++;
    } else {
      search->rank = entry->rank;
      search->winner = entry->slot;
      next = 0;
    }
  }
  search->entry = next;
  return 0;
}

/* Shapes and entries that a search goes through at most. */
#define STEPS (1 << 17)

/* The hash of a packet's flow: of addresses, ports and protocol. FlowHash.swift has the same. */
INLINE u32 flow_hash(const u64 *key, u32 is_symmetric) {
  const struct packet_key *fields = (const void *)key;
  u64 from = key[2] * 0x9e3779b97f4a7c15ull + key[3] * 0xc2b2ae3d27d4eb4full +
             fields->source_port * 0x165667b19e3779f9ull;
  u64 to = key[4] * 0x9e3779b97f4a7c15ull + key[5] * 0xc2b2ae3d27d4eb4full +
           fields->destination_port * 0x165667b19e3779f9ull;
  if (!is_symmetric)
    to = to << 27 | to >> 37;
  return finish(finish(from) + finish(to) + fields->protocol) >> 32;
}

/* Finds the rule that decides about a packet, and counts what is to be counted on the way. The
   search is a copy: the kernel's loop wants its state on this function's stack. */
GLOBAL int decide(struct query *query, u32 which) {
  struct set *set = map_lookup(&sets, &which);
  if (!set || !query)
    return 0;
  struct search search = {
      .set = which,
      .last_shape = set->shapes,
      .rank = 0xffffffff,
      .length = query->length,
      .is_silent = query->is_silent,
  };
  for (int i = 0; i < WORDS; i++)
    search.key[i] = query->key[i];
  loop(STEPS, step, &search, 0);
  if (set->count_shapes) {
    search.shape = set->shapes;
    search.last_shape = set->shapes + set->count_shapes;
    search.entry = 0;
    search.only_counts = 1;
    loop(STEPS, step, &search, 0);
  }
  u32 slot = search.winner;
  struct rule *rule = map_lookup(&rules, &slot);
  query->hash = flow_hash(query->key, rule && rule->is_symmetric);
  query->winner = slot;
  query->counts = search.counts;
  *(u64 *)query->counted = *(u64 *)search.counted;
  return 0;
}
