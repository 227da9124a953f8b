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

MAP(entries, struct entry);    /* chained by their numbers; 0 is nobody's */
MAP(clauses, struct clause);
MAP(cpus, struct cpu);         /* longer than it says, by the flow cache */
MAP(findings, struct finding); /* of `explain` */

/* Maps as well, but of which the program knows where they lie (.bss), and the verifier what is in
   them (.rodata), and so how far a place may be. */
struct tables tables;
const volatile struct layout layout;

/* A hash of key words: each multiplied on its own, so that the machine does them side by side. What
   tells addresses apart stands mostly in their last bytes, and a product hands bits on upwards
   only: so their words are turned round first. */
#define MIXED(word, factor) ((word) * (factor))
#define MIX_SHORT(second, fourth)                                                                  \
  (MIXED(swap64(second), 0x165667b19e3779f9ull) + MIXED(swap64(fourth), 0xa0761d6478bd642full))
#define MIX_LONG(third, fifth)                                                                     \
  (MIXED(swap64(third), 0xd6e8feb86659fd93ull) + MIXED(swap64(fifth), 0xe7037ed1a0b428dbull))
#define MIX_KIND(word) MIXED(word, 0x9e3779b97f4a7c15ull)
#define MIX_PORTS(word) MIXED(word, 0xc2b2ae3d27d4eb4full)
#define MIX_RARE(sixth, seventh)                                                                   \
  (MIXED(sixth, 0x8ebc6af09c88c6e3ull) + MIXED(seventh, 0x589965cc75374cc3ull))
INLINE u64 finish(u64 hash) {
  hash ^= hash >> 29;
  return hash * 0xbf58476d1ce4e5b9ull;
}

/* A packet, and what its search found: the last two as a flow of the cache has them. */
struct query {
  u64 key[WORDS];
  u32 length;
  u32 is_silent; /* nothing is counted */
  u16 winner;    /* the slot of the rule that decides; 0: none */
  u16 counted[COUNTED];
};

/* Whether a clause holds for a packet. */
GLOBAL u32 holds(const struct query *query, u32 number) {
  struct clause *clause = map_lookup(&clauses, &number);
  if (!clause || !query)
    return 0;
  const u64 *key = query->key;
  const struct packet_key *fields = (const void *)query->key;
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
GLOBAL u32 failing_clause(const struct query *query, u32 first, u32 count) {
  if (!query)
    return 0;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < CLAUSES && i < count; i++)
    if (!holds(query, first + i))
      return i;
  return CLAUSES;
}

INLINE u64 difference(const u64 *key, const struct entry *entry, int i) {
  return (key[i] ^ entry->value[i]) & entry->mask[i];
}

INLINE int matches(const struct query *query, const struct entry *entry) {
  const u64 *key = query->key;
  u64 differs = difference(key, entry, 0) | difference(key, entry, 1);
  if (entry->reach >= REACH_ADDRESSES) {
    differs |= difference(key, entry, 2) | difference(key, entry, 4);
    if (entry->reach >= REACH_LONG)
      differs |= difference(key, entry, 3) | difference(key, entry, 5) |
                 difference(key, entry, 6) | difference(key, entry, 7);
  }
  if (differs)
    return 0;
  u32 first = entry->first_clause;
  u32 count = entry->clauses;
  return count == 0 ||
         (count == 1 ? holds(query, first) : failing_clause(query, first, count) == CLAUSES);
}

/* What is this CPU's own. */
INLINE struct cpu *this_cpu(void) {
  u32 number = processor();
  return map_lookup(&cpus, &number);
}

/* What one port's packets came to here. */
INLINE struct counters *counters_at(struct cpu *cpu, u32 port) {
  asm volatile("" : "+r"(port));
  return &cpu->counters[port & (PORTS - 1)];
}

/* A slot that is one, or 0. The compiler must not look behind the number, or it reckons with it
   before it is compared, which the verifier does not see through. */
INLINE u64 slot_of(u64 slot) {
  if (slot >= SLOTS)
    slot = 0;
  asm volatile("" : "+r"(slot));
  return slot;
}

INLINE struct rule *rule_of(u64 slot) { return &tables.rules[slot_of(slot)]; }

INLINE void tally(struct cpu *cpu, u64 slot, u32 length) {
  struct tally *tally = &cpu->tallies[slot_of(slot)];
  tally->packets++;
  tally->bytes += length;
  tally->last = jiffies();
}

/* The shape's chain for this key. */
INLINE u32 head_of(const u64 *key, const struct shape *shape) {
  const u64 *mask = shape->mask;
  u32 reach = shape->reach;
  u64 hash = MIX_KIND(key[0] & mask[0]) + MIX_PORTS(key[1] & mask[1]);
  if (reach >= REACH_ADDRESSES) {
    hash += MIX_SHORT(key[2] & mask[2], key[4] & mask[4]);
    if (reach >= REACH_LONG)
      hash += MIX_LONG(key[3] & mask[3], key[5] & mask[5]) +
              MIX_RARE(key[6] & mask[6], key[7] & mask[7]);
  }
  u64 place = shape->heads + (finish(hash) >> (shape->shift & 63));
  if (place >= HEADS)
    return 0;
  asm volatile("" : "+r"(place)); /* as in slot_of */
  return tables.heads[place];
}

/* What a search has found so far: the entry's rank, of which only a lower one is of interest, above
   the slot. */
#define NOTHING_YET (0xffffffffull << 32)
#define RANK_OF(best) ((u32)((best) >> 32))
INLINE u64 found_in(const struct entry *entry) { return *(const u64 *)&entry->slot; }

/* Entries that a search goes through at most in one chain. */
#define STEPS (1 << 17)

/* What is left of a chain. */
struct chain {
  struct query *query;
  u64 best;
  u32 entry; /* the next */
  u32 only_counts;
  u32 counts; /* how many rules counted */
};

/* Notes a rule that counts. */
GLOBAL int note(struct query *query, u32 slot, u32 counts) {
  if (!query)
    return 0;
  struct cpu *cpu = query->is_silent ? 0 : this_cpu();
  if (cpu)
    tally(cpu, slot, query->length);
  if (counts < COUNTED)
    query->counted[counts] = slot;
  return 0;
}

/* One entry of a chain. Says whether that was all. */
static long pass(u32 number, struct chain *chain) {
  (void)number;
  struct entry *entry = map_lookup(&entries, &chain->entry);
  if (!entry || entry->rank >= RANK_OF(chain->best))
    return 1;
  u32 next = entry->next;
  if (matches(chain->query, entry)) {
    if (!chain->only_counts) {
      chain->best = found_in(entry);
      return 1;
    }
    note(chain->query, entry->slot, chain->counts++);
  }
  chain->entry = next;
  return next == 0;
}

/* The first of a chain that decides, if it is better. */
GLOBAL u64 follow(struct query *query, u32 first, u64 best) {
  struct chain chain = {query, best, first, 0, 0};
  if (query)
    loop(STEPS, pass, &chain, 0);
  return chain.best;
}

/* Looks for something better in one shape: mostly its chain has one entry or none. */
INLINE u64 try(struct query *query, const struct shape *shape, u64 best) {
  u32 head = head_of(query->key, shape);
  if (head == 0)
    return best;
  struct entry *entry = map_lookup(&entries, &head);
  if (!entry || entry->rank >= RANK_OF(best))
    return best;
  if (matches(query, entry))
    return found_in(entry);
  return entry->next ? follow(query, entry->next, best) : best;
}

GLOBAL u64 try_further(struct query *query, const struct shape *shape, u64 best) {
  return query && shape ? try(query, shape, best) : best;
}

/* Counts for all rules of one shape that match; says how many have counted by now. */
GLOBAL u32 count_in(struct query *query, const struct shape *shape, u64 best, u32 counts) {
  if (!query || !shape)
    return counts;
  u32 head = head_of(query->key, shape);
  struct chain chain = {query, best, head, 1, counts};
  if (head != 0)
    loop(STEPS, pass, &chain, 0);
  return chain.counts;
}

/* The shape of a set, if there can be something better in it and so in those behind it. */
INLINE struct shape *shape_at(u32 which, u32 number, u64 best) {
  asm volatile("" : "+r"(which), "+r"(number));
  struct shape *shape = &tables.shapes[which & (SETS - 1)][number & (SHAPES - 1)];
  return shape->best < RANK_OF(best) ? shape : 0;
}

/* The same in all shapes with rules that count. */
GLOBAL u32 count_all(struct query *query, u32 which, u32 first, u32 shape_count, u64 best) {
  u32 counts = 0;
#pragma clang loop unroll(disable)
  for (u32 i = 0; i < COUNTING_SHAPES && i < shape_count; i++) {
    struct shape *shape = shape_at(which, first + i, best);
    if (!shape)
      break;
    counts = count_in(query, shape, best, counts);
  }
  return counts;
}

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

/* The same of a packet whose rule was searched for. */
GLOBAL u32 hash_by_rule(const struct query *query) {
  if (!query)
    return 0;
  return flow_hash(query->key, rule_of(query->winner)->is_symmetric);
}

/* Finds the rule that decides about a packet, and counts what is to be counted on the way: says how
   many rules counted. Itself no function, nor is the best shape's search: many kernels have each
   return from one take several nanoseconds (SRSO, retbleed). That of further shapes is. */
INLINE u32 decide(struct query *query, u32 which, u32 shape_count, u32 count_shapes) {
  u64 best = NOTHING_YET;
  struct shape *shape = shape_count > 0 ? shape_at(which, 0, best) : 0;
  if (shape)
    best = try(query, shape, best);
#pragma clang loop unroll(disable)
  for (u32 i = 1; i < DECIDING_SHAPES && i < shape_count; i++) {
    shape = shape_at(which, i, best);
    if (!shape)
      break;
    best = try_further(query, shape, best);
  }
  *(u64 *)&query->winner = best & 0xffff; /* and nothing counted yet */
  return count_shapes ? count_all(query, which, shape_count, count_shapes, best) : 0;
}
