/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the steering program and the library agree on. RuleEntry.swift and SettingsPage.swift write
 * the same layout by hand. Numbers are in host order, packet fields in network order.
 */
#pragma once

/* Rules of one set. There are two sets: one in use, one to be written. */
#define RULES_PER_SET 64
/* Interfaces of one program: attaching a further one is cheap, a further program is not. */
#define PORTS 16

enum action { TO_KERNEL = 0, TO_SOCKET = 1, TO_NOBODY = 2 };

/* Which fields of a packet_key were really in the packet. */
enum known {
  KNOWN_ETHER_TYPE = 1,
  KNOWN_IP = 2,
  KNOWN_PROTOCOL = 4,
  KNOWN_PORTS = 8,
  KNOWN_DESTINATION = 16,
};

/* What a rule may ask about a packet: what was not there is zero and not `known`. */
struct packet_key {
  u8 known;
  u8 ip_version;
  u8 protocol;
  u8 zero;
  u16 ether_type;
  u16 destination_port;
  u32 interface;
  u32 queue;
  u8 destination[16]; /* an IPv4 address, or whom ARP asks for, stands in the first four bytes */
};

/* A packet matches if it equals `value` in every bit that `mask` has. */
struct rule {
  struct packet_key value;
  struct packet_key mask;
  u32 action;
  u32 zero;
};

/* An interface the program is attached to, and where its queues stand among the sockets. */
struct port {
  u32 interface; /* its index, 0: nobody */
  u32 first_socket;
  u32 queue_count;
  u32 zero;
};

struct settings {
  /* bits 0...7: count, bits 8...15: which set, bits 16...23: action for what no rule names.
     One word, so that a packet sees the old rules or the new ones and never a mixture. */
  u32 rules;
  u32 zero;
  struct port ports[PORTS];
};

/* Packets by what became of them, for one port on one CPU. */
struct counters {
  u64 kernel;    /* by a rule or because no rule names them */
  u64 socket;    /* redirected to the socket of their queue */
  u64 no_socket; /* meant for a socket, but their queue has none: to the kernel */
  u64 dropped;
};
