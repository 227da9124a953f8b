/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What the director and the library agree on. DirectorMatch.swift and DirectorObject.swift write
 * the same layout by hand. Numbers are in host order, addresses in network order.
 */
#pragma once

#define SHAPES 8
#define RESTS 64
#define FLOWS 4096
#define NO_QUEUE 0xffffffffu

/* What flows are told apart by: the fields of FlowKey, and which of the shapes this is. An IPv4
   address stands as ::ffff:a.b.c.d, ports of fragments are 0. */
struct flow {
  u32 source[4];
  u32 destination[4];
  u64 vlans;
  u16 source_port;
  u16 destination_port;
  u8 protocol;
  u8 version; /* 4 or 6 */
  u16 shape;
};

/* A shape says which bits of a flow count: packets are looked up by each shape in turn. */
struct director {
  u32 shape_count;
  u32 rest_count; /* 0: packets that no shape finds keep their queue */
  u32 rest[RESTS];
  struct flow masks[SHAPES];
};
