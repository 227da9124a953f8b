// What the loops share: the queue, and the swaps of the two Ethernet addresses.
#pragma once
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <xdp/xsk.h>

enum {
  CHUNK_SHIFT = 11,
  // Who has a frame.
  FREE = 0,
  FILL = 4,
  TRANSMIT = 5,
};

struct queue {
  struct xsk_ring_prod fill, transmit;
  struct xsk_ring_cons receive, completion;
  uint8_t *memory;
  // Per chunk, who has it.
  uint16_t *custody;
  // The same where slots begin anywhere: per window the custody above the byte it begins at.
  uint32_t *entries;
  // Whether the kernel says where slots begin.
  int is_unaligned;
  uint64_t chunk_count;
  // Free chunks, the last released on top.
  uint32_t *stack;
  uint32_t free_count;
  uint64_t received_packets, received_bytes, sent_packets, sent_bytes, dropped, refused;
};

// The loops are written once; each swap gets a copy of its own.
#define INLINED static inline __attribute__((always_inline))

enum swap { AS_IT_IS, SWAP_16, SWAP_64 };

INLINED void swap_addresses(uint8_t *packet, uint32_t length, enum swap how) {
  if (how == AS_IT_IS || length < 14) return;
  if (how == SWAP_16) {
    uint16_t from[6];
    memcpy(from, packet, 12);
    uint16_t to[6] = {from[3], from[4], from[5], from[0], from[1], from[2]};
    memcpy(packet, to, 12);
    return;
  }
  uint64_t first, last;
  memcpy(&first, packet, 8);
  memcpy(&last, packet + 4, 8);
  last = last >> 16 | first << 48;
  uint32_t rest = (uint32_t)(first >> 16);
  memcpy(packet, &last, 8);
  memcpy(packet + 8, &rest, 4);
}

// Shows what stands below `next` to the kernel and takes back what of `count` reserved entries was
// not used, because so many descriptors were refused. Returns how many were used.
INLINED uint32_t submit(struct xsk_ring_prod *ring, uint32_t first, uint32_t next, uint32_t count) {
  const uint32_t used = next - first;
  ring->cached_prod -= count - used;
  xsk_ring_prod__submit(ring, used);
  return used;
}

// Tells the kernel, if it asks for it; in memory it never does.
INLINED void kick(const struct xsk_ring_prod *transmit) {
  if (xsk_ring_prod__needs_wakeup(transmit)) sendto(-1, 0, 0, MSG_DONTWAIT, 0, 0);
}
