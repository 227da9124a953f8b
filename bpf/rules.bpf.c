// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The rules: what takes the place of the program without them (steer.bpf.c) when the first comes.
//
//   headers -> key -> flow cache --known--> what the flow was found to be
//                         `--new--> shapes, one hash each -> chains of entries -> winner -> cache
//
// A set's tables are never written while a packet may look at them: the library writes the other
// set and then the word that says which is in force, and the cache's places carry that word.
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
MAP(flows, struct flow);         /* as many of each CPU as the set says */
MAP(rare_keys, struct rare_key); /* beside the flows */
MAP(findings, struct finding);   /* of `explain` */

/* The sizes that the program needs to know; the library has the same. */
#define SHAPES 64
#define SLOTS 8200
#define CLAUSES 32 /* of one entry */

/* A hash of key words: each multiplied on its own, so that the machine does them side by side. */
#define MIXED(words, i, factor) ((words)[i] * (factor))
#define MIX(words)                                                                                 \
  (MIXED(words, 0, 0x9e3779b97f4a7c15ull) + MIXED(words, 1, 0xc2b2ae3d27d4eb4full) +               \
   MIXED(words, 2, 0x165667b19e3779f9ull) + MIXED(words, 3, 0xd6e8feb86659fd93ull) +               \
   MIXED(words, 4, 0xa0761d6478bd642full) + MIXED(words, 5, 0xe7037ed1a0b428dbull) +               \
   MIXED(words, 6, 0x8ebc6af09c88c6e3ull) + MIXED(words, 7, 0x589965cc75374cc3ull))
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

INLINE int is_in(const struct flow *flow, const struct rare_key *rare, const u64 *key, u32 word) {
  u64 differs = (flow->word ^ word) | (flow->key[0] ^ key[0]) | (flow->key[1] ^ key[1]) |
                (flow->key[2] ^ key[2]) | (flow->key[3] ^ key[3]) | (flow->key[4] ^ key[4]) |
                (flow->key[5] ^ key[5]);
  if (rare)
    differs |= (rare->key[0] ^ key[6]) | (rare->key[1] ^ key[7]);
  return differs == 0;
}

/* Puts what a search found into the cache, for packets with this masked key. */
INLINE void remember(
    const struct query *query, const u64 *key, u32 word, u32 first, u32 second) {
  if (query->counts > COUNTED) /* more than there is room for: asked anew for each packet */
    return;
  struct flow *flow = map_lookup(&flows, &first);
  struct flow *other = map_lookup(&flows, &second);
  if (!flow || !other)
    return;
  /* A place of another set first. If both are in use, either: whom this drives out may have a free
     place elsewhere, and always choosing the same could go round in circles. */
  if (flow->word == word && (other->word != word || random() & 1)) {
    flow = other;
    first = second;
  }
  struct rare_key *rare = map_lookup(&rare_keys, &first);
  if (!rare)
    return;
  flow->word = word;
  flow->hash = query->hash;
  flow->winner = query->winner;
  flow->counted[0] = query->counted[0];
  flow->counted[1] = query->counted[1];
  flow->counted[2] = query->counted[2];
  for (int i = 0; i < COMMON_WORDS; i++)
    flow->key[i] = key[i];
  rare->key[0] = key[6];
  rare->key[1] = key[7];
}

/* Lowers an IP packet's time to live by one; 0 if it has come to its end, or is not there. */
INLINE int age(struct xdp_md *context, u32 known, u32 family) {
  u32 at = ETHERNET_HEADER + (known & KNOWN_VLAN ? VLAN_TAG : 0) +
           (known & KNOWN_INNER_VLAN ? VLAN_TAG : 0);
  if (family == IPV4) {
    struct ipv4_header *ip = bytes_at(context, at, sizeof *ip);
    if (!ip || ip->time_to_live <= 1)
      return 0;
    ip->time_to_live--;
    /* RFC 1624: the sum's complement grows by what the word lost, with the carry. */
    u32 sum = ip->checksum + swap16(0x0100);
    ip->checksum = sum + (sum >= 0xffff);
  } else if (family == IPV6) {
    struct ipv6_header *ip = bytes_at(context, at, sizeof *ip);
    if (!ip || ip->hop_limit <= 1)
      return 0;
    ip->hop_limit--;
  }
  return 1;
}

/* Sends the packet out of another interface, changed as the rule says. */
GLOBAL int forward(struct xdp_md *context, const struct rule *rule, u32 known_family) {
  if (!rule)
    return XDP_PASS;
  if (rule->decrements_ttl && !age(context, known_family & 255, known_family >> 8 & 255))
    return XDP_PASS;
  if (rule->rewrites_macs) {
    u8 *macs = bytes_at(context, 0, ETHERNET_HEADER);
    if (!macs)
      return XDP_PASS;
    __builtin_memcpy(macs, rule->destination_mac, 6);
    __builtin_memcpy(macs + 6, rule->source_mac, 6);
  }
  return redirect(rule->interface, 0);
}

/* Sends the packet back to where it came from, its MAC addresses exchanged. */
GLOBAL int send_back(struct xdp_md *context) {
  u16 *macs = bytes_at(context, 0, ETHERNET_HEADER);
  if (!macs)
    return XDP_PASS;
  for (int i = 0; i < 3; i++) {
    u16 mine = macs[i];
    macs[i] = macs[i + 3];
    macs[i + 3] = mine;
  }
  return XDP_TX;
}

/* The socket of the rule's group for the queue that a packet arrived on, or NO_SOCKET. */
INLINE u32 member(const struct rule *rule, u32 place, u32 hash) {
  u32 at = place - rule->place;
  if (at >= rule->places)
    return NO_SOCKET;
  at = rule->first + at * rule->ways + (u32)((u64)hash * rule->ways >> 32);
  u32 *socket = map_lookup(&members, &at);
  return socket ? *socket : NO_SOCKET;
}

/* Writes what was found out in front of the packet; says whether it did. */
GLOBAL int write_facts(struct xdp_md *context, const struct rule *rule, u32 hash) {
  if (!rule || context->data_meta != context->data) /* somebody else's are there */
    return 0;
  if (adjust_metadata(context, -(int)sizeof(struct facts)) != 0) /* not with every driver */
    return 0;
  struct facts *facts = (void *)(long)context->data_meta;
  if ((void *)(facts + 1) > (void *)(long)context->data)
    return 0;
  facts->rule = rule->number;
  facts->hash = hash;
  facts->group = rule->group;
  facts->magic = FACTS_MAGIC;
  return 1;
}

INLINE int hand_over(
    struct xdp_md *context, struct counters *count, u32 socket, const struct rule *rule, u32 hash,
    int with_facts) {
  int has_facts = with_facts && write_facts(context, rule, hash);
  int verdict = to_socket(count, socket);
  if (verdict != XDP_REDIRECT && has_facts)
    adjust_metadata(context, sizeof(struct facts));
  return verdict;
}

INLINE int act(
    struct xdp_md *context, struct counters *count, const struct port *port, u32 action,
    const struct rule *rule, const struct query *query, int with_facts) {
  u32 queue = context->rx_queue_index;
  u32 place = queue < port->queue_count ? port->first_socket + queue : NO_SOCKET;
  int verdict;
  switch (action) {
  case TO_SOCKET:
    return hand_over(context, count, place, rule, query->hash, with_facts);
  case TO_GROUP:
    place = member(rule, place, query->hash);
    return hand_over(context, count, place, rule, query->hash, with_facts);
  case TO_NOBODY:
    count->dropped++;
    return XDP_DROP;
  case TO_INTERFACE:
    verdict = forward(context, rule, (u32)query->key[0]);
    if (verdict == XDP_REDIRECT)
      count->forwarded++;
    else
      count->kernel++;
    return verdict;
  case TO_SENDER:
    verdict = send_back(context);
    if (verdict == XDP_TX)
      count->returned++;
    else
      count->kernel++;
    return verdict;
  default:
    count->kernel++;
    return XDP_PASS;
  }
}

/* What the packet's flow was found to be: from the cache, or now. Fills in the query's winner,
   hash and length, and counts for the rules that only count. */
INLINE void find(struct query *query, const struct set *set, u32 word) {
  u64 key[WORDS];
  for (int i = 0; i < WORDS; i++)
    key[i] = query->key[i] & set->mask[i];
  u64 hash = finish(MIX(key));
  u32 bits = set->cache_bits & 31;
  u32 base = processor() << bits;
  u32 first = base + (u32)(hash >> (64 - bits));
  struct flow *flow = map_lookup(&flows, &first);
  struct rare_key *rare = 0;
  int asks_rare = set->mask[6] || set->mask[7];
  if (asks_rare)
    rare = map_lookup(&rare_keys, &first);
  if (!flow)
    return;
  if (!is_in(flow, rare, key, word)) {
    u32 second = base + ((u32)(hash >> 8) & ((1 << bits) - 1));
    if (asks_rare)
      rare = map_lookup(&rare_keys, &second);
    flow = map_lookup(&flows, &second);
    if (!flow)
      return;
    if (!is_in(flow, rare, key, word)) {
      query->hash = query->winner = query->counts = query->is_silent = query->zero = 0;
      *(u64 *)query->counted = 0;
      decide(query, SET_OF(word));
      remember(query, key, word, first, second);
      return;
    }
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

/* What becomes of a packet. */
INLINE int steer(struct xdp_md *context, int with_facts) {
  u32 zero = 0;
  struct settings *current = map_lookup(&settings, &zero);
  if (!current)
    return XDP_PASS;
  u32 word = word_in_force(current);
  u32 number = find_port(current, context->ingress_ifindex);
  if (number >= PORTS)
    return XDP_PASS;
  struct counters *count = map_lookup(&counters, &number);
  if (!count)
    return XDP_PASS;
  if (is_hung(current)) {
    count->hung++;
    return XDP_PASS;
  }
  if (!ASKS_RULES(word))
    return act_unseen(context, count, port_at(current, number), DEFAULT_OF(word));
  u32 which = SET_OF(word);
  struct set *set = map_lookup(&sets, &which);
  if (!set)
    return XDP_PASS;
  struct query query; /* `find` fills it in */
  query.length = current->flags & SEVERAL_PIECES ? packet_length(context)
                                                 : context->data_end - context->data;
  read(context, &query);
  find(&query, set, word);
  u32 slot = query.winner;
  struct rule *rule = map_lookup(&rules, &slot);
  if (!rule)
    return XDP_PASS;
  u32 action = DEFAULT_OF(word);
  if (slot) {
    tally(slot, query.length);
    action = rule->action;
  }
  return act(context, count, port_at(current, number), action, rule, &query, with_facts);
}

/* libxdp's dispatcher takes no program that moves a packet's beginning or metadata: so there are
   two, of which one writes facts. */
SECTION("xdp") int martlet_rules(struct xdp_md *context) { return steer(context, 0); }
SECTION("facts") int martlet_facts(struct xdp_md *context) { return steer(context, 1); }

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
