// Packet memory and the ports that share it, with the checks and the ledger that Martlet keeps: an
// address inside the memory, a length inside its chunk, a custody per chunk, packets and bytes
// counted.
#pragma once
#include <stdint.h>
#include <string.h>
#include <xdp/xsk.h>

enum {
  CHUNK_SHIFT = 11,
  CHUNK_SIZE = 1 << CHUNK_SHIFT,
  // Chunks of each port: its fill ring, and as many again on their way out.
  CHUNKS_PER_PORT = 2048,
  RING_SIZE = 2048,
  // Twice the chunks: the kernel says what it took from the ring only when it has taken all.
  FILL_SIZE = 2 * CHUNKS_PER_PORT,
  // As many as one kick sends; with 64 forwarding takes 2 % more.
  BURST = 256,
  // Who has a chunk.
  FREE = 0,
  FILL = 4,
  TRANSMIT = 5,
};

#define INLINED static inline __attribute__((always_inline))

struct port {
  struct xsk_ring_prod fill, transmit;
  struct xsk_ring_cons receive, completion;
  struct xsk_socket *socket;
  int descriptor;
  uint64_t received_packets, received_bytes, sent_packets, sent_bytes, refused;
};

struct memory {
  struct xsk_umem *umem;
  uint8_t *bytes;
  uint16_t *custody;
  uint64_t chunk_count;
  uint32_t port_count;
  struct port ports[2];
};

// Registers memory for so many ports and binds one to queue 0 of each interface, with libxdp's own
// program on it. Ends the program if that fails.
void memory_open(struct memory *memory, const char *const *interfaces, uint32_t count);
void memory_close(struct memory *memory);
// Sleeps until a port has packets.
void memory_wait(struct memory *memory);
// Kicks until the kernel has taken every packet or takes no more for now.
void port_kick(struct port *port);

INLINED int fits(const struct xdp_desc *packet) {
  uint64_t extent;
  memcpy(&extent, &packet->len, sizeof extent);
  return extent <= CHUNK_SIZE - (packet->addr & (CHUNK_SIZE - 1));
}

// Shows what stands below `next` to the kernel and takes back what of `count` reserved entries was
// not used, because so many descriptors were refused. Returns how many were used.
INLINED uint32_t submit(struct xsk_ring_prod *ring, uint32_t first, uint32_t next, uint32_t count) {
  const uint32_t used = next - first;
  ring->cached_prod -= count - used;
  xsk_ring_prod__submit(ring, used);
  return used;
}

// Puts what `from` has sent into the fill ring of `to`, where it came from.
INLINED void recycle(struct memory *memory, struct port *from, struct port *to) {
  uint32_t at, first;
  const uint32_t count = xsk_ring_cons__peek(&from->completion, RING_SIZE, &at);
  if (count == 0) return;
  if (xsk_ring_prod__reserve(&to->fill, count, &first) != count) {
    xsk_ring_cons__cancel(&from->completion, count);
    return;
  }
  const struct xsk_ring_cons completion = from->completion;
  struct xsk_ring_prod fill = to->fill;
  uint16_t *const custody = memory->custody;
  const uint64_t chunk_count = memory->chunk_count;
  uint32_t next = first;
  for (const uint32_t end = at + count; at != end; at++) {
    const uint64_t chunk = *xsk_ring_cons__comp_addr(&completion, at) >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != TRANSMIT) continue;
    custody[chunk] = FILL;
    *xsk_ring_prod__fill_addr(&fill, next++) = chunk << CHUNK_SHIFT;
  }
  from->refused += count - submit(&to->fill, first, next, count);
  xsk_ring_cons__release(&from->completion, count);
}
