/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How the rules lie in the maps. The library writes all of it (RuleMemory.swift, RuleEngine.swift);
 * the program only reads, but for the flow cache and the counters. Numbers are in host order,
 * packet fields in network order.
 */
#pragma once

/* Which fields of a packet_key were really in the packet. */
enum known {
  KNOWN_ETHER_TYPE = 1,
  KNOWN_VLAN = 2,
  KNOWN_INNER_VLAN = 4,
  KNOWN_PROTOCOL = 8,
  KNOWN_PORTS = 16,
  IS_FRAGMENT = 32,
  KNOWN_MAC = 64,
  KNOWN_TCP_FLAGS = 128,
};

/* Of packet_key.family: what the addresses are of. */
enum family { NO_FAMILY = 0, ARP = 1, IPV4 = 4, IPV6 = 6 };

/* All that rules may ask about a packet: what was not there is zero and not `known`. The last two
   words hold what few rules ask about. */
#define WORDS 8
#define COMMON_WORDS 6
struct packet_key {
  u8 known;
  u8 family;
  u8 protocol;
  u8 tcp_flags;
  u16 ether_type;
  u16 vlan; /* of the outer tag, the identifier alone */

  u16 source_port;
  u16 destination_port;
  u32 interface;

  u8 source[16]; /* an IPv4 address, or the one in ARP, stands in the first four bytes */
  u8 destination[16];

  u8 destination_mac[6];
  u16 queue; /* in host order */
  u8 source_mac[6];
  u16 inner_vlan;
};

/* How far a mask goes among the words of a key: those beyond are zero in it, as in many masks, and
   the program passes over them. Each reach is the one before, and more. */
enum reach {
  REACH_PORTS = 0,     /* words 0 and 1 */
  REACH_ADDRESSES = 1, /* and 2 and 4: IPv4 */
  REACH_LONG = 2,      /* and 3 and 5: IPv6 */
  REACH_RARE = 3,      /* and 6 and 7 */
};

/* One of the sets: what all its rules have in common. Two lines of the processor's cache. */
struct set {
  u64 mask[WORDS]; /* every bit that some rule asks about */
  u32 shapes;      /* how many, with the rules that decide */
  u32 count_shapes; /* and behind them those with the rules that only count */
  u32 entries;
  u32 first_entry;
  u32 reach;
  u32 zero[11];
};

/* Shapes of a set: with rules that decide, then with those that only count. */
#define DECIDING_SHAPES 48
#define COUNTING_SHAPES 16
#define SHAPES (DECIDING_SHAPES + COUNTING_SHAPES)

/* Entries that ask for the same bits, found by those bits. */
struct shape {
  u64 mask[WORDS];
  u32 heads; /* where its heads begin */
  u32 shift; /* what of a hash's 64 bits to leave out to number a head */
  u32 best;  /* least rank of its entries */
  u32 reach;
};

/* A rule, or one of its alternatives. A packet matches if its key equals `value` in every bit of
   `mask` and the clauses hold. */
struct entry {
  u64 value[WORDS];
  u64 mask[WORDS];
  u32 slot; /* the rule's; the program reads it and the rank as one number */
  u32 rank; /* the least one that matches wins */
  u32 next; /* in the chain, ranks rising; 0: none */
  u32 first_clause;
  u32 clauses;
  u32 reach;
  u32 zero[2];
};

#define CLAUSES 32 /* of one entry */
enum clause_kind { KEY_EQUALS = 0, SOURCE_PORT_IN = 1, DESTINATION_PORT_IN = 2 };

/* What does not fit a mask: ranges, and negated conditions on the first word and on one pair of the
   others. */
struct clause {
  u64 first_value;
  u64 first_mask;
  u64 value[2];
  u64 mask[2];
  u8 kind;
  u8 is_negated;
  u8 pair; /* words 2 * pair and 2 * pair + 1 */
  u8 zero;
  u16 low; /* ports, in host order */
  u16 high;
  u64 padding;
};

/* What becomes of a rule's packets. A rule's slot is the same in every set that has the rule. */
struct rule {
  u32 number; /* what the application knows it by */
  u8 action;
  u8 is_symmetric; /* the flow's two directions have one hash */
  u8 rewrites_macs;
  u8 decrements_ttl;
  u32 group;  /* its number */
  u32 first;  /* of the members */
  u32 place;  /* the first of the queues, by its number among the sockets, that have members */
  u32 places; /* and how many there are */
  u32 ways;   /* members of each queue */
  u32 interface;
  u8 destination_mac[6];
  u8 source_mac[6];
  u32 zero[5];
};

/* A member that is no socket: the group has none on that queue. */
#define NO_SOCKET 0xffffffff

/* One rule's packets on one CPU. */
struct tally {
  u64 packets;
  u64 bytes;
  u64 last; /* in jiffies */
  u64 zero;
};

/* Rules that count a flow's packets besides the one that decides, as many as the cache keeps. */
#define COUNTED 3

/* Some bits of the hashes of flows, for each place of the flow cache, in memory that the processor
   has near at hand: they spare a look at the place. */
struct tag {
  u8 known;     /* of the flow that stands there; 0: of none */
  u8 candidate; /* of the one that last came by, and takes the place if it comes again */
};

/* What a flow was found to be. It holds for the packets with this key under this word. */
struct flow {
  u32 word;
  u32 hash;
  u16 winner; /* a slot; 0: no rule */
  u16 counted[COUNTED];
  u64 key[COMMON_WORDS];
};

/* The rest of a flow's key, for sets that ask about it. */
struct rare_key {
  u64 key[WORDS - COMMON_WORDS];
};

/* A rule's slot: two for each rule, one in use and one to be; 0 is nobody's. */
#define SLOTS 8200

/* What the program writes on one CPU, and the library only sets to zero. */
struct cpu {
  struct counters counters[PORTS];
  struct tally tallies[SLOTS];
  struct flow flows[];
  /* and of each place the rare key and the tag: `struct layout` says where they begin */
};

/* The flow cache of a CPU: its size is the library's to choose. */
struct layout {
  u32 places;    /* a power of two */
  u32 shift;     /* what of a hash's 64 bits to leave out to number a place */
  u32 rare_keys; /* where they begin, in bytes */
  u32 tags;
};

/* What the library writes and all packets look at: fixed in size, so that the program knows where
   it lies. */
#define HEADS 101376
#define MEMBERS 16384
struct tables {
  struct set sets[SETS];
  struct rule rules[SLOTS]; /* by slot */
  u32 members[MEMBERS];     /* numbers of sockets */
  struct shape shapes[SETS][SHAPES];
  u32 heads[HEADS]; /* the first entry of a chain, 0: none */
};

/* What `explain` reports: first the packet's key and the winner, then of each entry the bits that
   differ and the number of the first clause that does not hold, or all ones. */
struct finding {
  u64 words[WORDS];
  u32 clause;
  u32 winner;
  u32 hash;
  u32 zero;
};
