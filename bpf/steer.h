/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the steering programs and the library agree on, whatever the rules. SettingsPage.swift and
 * PacketFacts.swift write and read the same layout by hand. Numbers are in host order.
 */
#pragma once

/* Interfaces of one program: attaching a further one is cheap, a further program is not. */
#define PORTS 16
/* Those of them, from the first on, that have a fast path where nothing is asked: an even number,
   or what follows them in the settings is not aligned. */
#define FAST_PORTS 2
/* Threads whose hearts beat apart, and places among the sockets whose thread is known. */
#define WORKERS 32
#define OWNED_SOCKETS 1024

/* TO_GROUP and further are a rule's only: the default action is one of the first three. */
enum action {
  TO_KERNEL = 0,
  TO_SOCKET = 1,
  TO_NOBODY = 2,
  TO_GROUP = 3,
  TO_INTERFACE = 4,
  TO_SENDER = 5,
  COUNT_ONLY = 6,
};

/* An interface the program is attached to, and where its queues stand among the sockets. */
struct port {
  u32 interface; /* its index, 0: nobody */
  u32 first_socket;
  u32 queue_count;
  u32 is_bare; /* a packet went to a socket without the facts that it should have had */
};

/* Of settings.flags. */
enum flags {
  SEVERAL_PIECES = 1, /* packets may have several fragments, so their length has to be asked for */
  STAMPS = 2,         /* facts say when the program saw the packet */
};

/* Sets of rules that packets may be looking at: those in force, and those before. */
#define SETS 8

/* What is in force. One word, so that a packet sees the old rules or the new ones and never a
   mixture: bit 0: there are rules to ask, bits 1...3: which of the sets, bits 4...7: the action for
   what no rule names, bits 8...31: a number that no other set has had. */
#define ASKS_RULES(word) ((word) & 1)
#define SET_OF(word) ((word) >> 1 & (SETS - 1))
#define DEFAULT_OF(word) ((word) >> 4 & 15)

struct settings {
  u32 rules;
  u32 fallback; /* the word in force instead once `deadline` has passed */
  u32 flags;
  u32 beat_limit; /* jiffies; 0: no heartbeat is asked for */
  u64 deadline;   /* until when the rules have to be confirmed, in jiffies; 0: they need not be */
  /* The interfaces of the first ports, for as long as every packet is meant for a socket and
     nothing is asked before: no rules, no deadline, no heartbeat. Else 0, which no interface has.
     With those two ports in one cache line. */
  u32 fast_interfaces[FAST_PORTS];
  struct port ports[PORTS];
  u64 seal;                 /* of the facts: a number that nobody else knows */
  u64 beats[WORKERS];       /* when each worker was last known to be alive, in jiffies */
  u8 owners[OWNED_SOCKETS]; /* the worker that serves each socket; further ones are the first's */
};

/* Packets by what became of them, for one port on one CPU. */
struct counters {
  u64 kernel;    /* by a rule or because no rule names them */
  u64 socket;    /* redirected to a socket */
  u64 no_socket; /* meant for a socket, but their queue has none: to the kernel */
  u64 dropped;
  u64 forwarded; /* to another interface, in the kernel */
  u64 returned;  /* to their sender */
  u64 hung;      /* to the kernel, because the heart of who serves the queue does not beat */
  u64 searched; /* for what they are, as their flow was not known: no fate of its own */
};

/* Of facts.sources: what the driver said, and not the program. */
enum sources { HASH_OF_DRIVER = 1, TIME_OF_DRIVER = 2 };

/* What stands in front of a packet that goes to a socket, if the settings ask for it: the last
   bytes before its first. */
struct facts {
  u64 seal;
  u64 time;  /* when the program saw the packet, CLOCK_MONOTONIC in nanoseconds; 0: nobody asked */
  u32 rule;  /* the rule's number, 0: none named the packet */
  u32 hash;  /* of its flow */
  u32 group; /* the group's number, 0: none */
  u32 sources;
};
