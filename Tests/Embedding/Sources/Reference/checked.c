// The loops with Martlet's checks and ledger. The rings and what the loops look up are copied to
// locals: stores through pointers then make the compiler load none of it again.
#include <stdlib.h>

#include "queue.h"
#include "reference.h"

// Whether a descriptor names one whole packet inside its chunk. Its options stand above its length:
// read as one number with it, they make it too long, which saves a comparison.
INLINED int fits(const struct xdp_desc *packet) {
  const uint64_t chunk_size = 1 << CHUNK_SHIFT;
  uint64_t extent;
  memcpy(&extent, &packet->len, sizeof extent);
  return extent <= chunk_size - (packet->addr & (chunk_size - 1));
}

// Completions: straight to the fill ring while that has room for all, as after forwarding.
INLINED void recycle_completions(struct queue *q) {
  uint32_t from, first;
  const uint32_t count = xsk_ring_cons__peek(&q->completion, q->completion.size, &from);
  if (count == 0) return;
  if (xsk_ring_prod__reserve(&q->fill, count, &first) != count) abort();
  const struct xsk_ring_cons completion = q->completion;
  struct xsk_ring_prod fill = q->fill;
  uint16_t *const custody = q->custody;
  const uint64_t chunk_count = q->chunk_count;
  const uint32_t end = from + count;
  uint32_t to = first;
  for (; from != end; from++) {
    const uint64_t chunk = *xsk_ring_cons__comp_addr(&completion, from) >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != TRANSMIT) continue;
    custody[chunk] = FILL;
    *xsk_ring_prod__fill_addr(&fill, to++) = chunk << CHUNK_SHIFT;
  }
  q->refused += count - submit(&q->fill, first, to, count);
  xsk_ring_cons__release(&q->completion, count);
}

// Completions: back to the free chunks, as after sending packets of one's own.
INLINED void free_completions(struct queue *q) {
  uint32_t from;
  const uint32_t count = xsk_ring_cons__peek(&q->completion, q->completion.size, &from);
  if (count == 0) return;
  const struct xsk_ring_cons completion = q->completion;
  uint16_t *const custody = q->custody;
  uint32_t *const stack = q->stack;
  const uint64_t chunk_count = q->chunk_count;
  const uint32_t end = from + count;
  uint32_t free_count = q->free_count;
  for (; from != end; from++) {
    const uint64_t chunk = *xsk_ring_cons__comp_addr(&completion, from) >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != TRANSMIT) continue;
    custody[chunk] = FREE;
    stack[free_count++] = (uint32_t)chunk;
  }
  q->refused += count - (free_count - q->free_count);
  q->free_count = free_count;
  xsk_ring_cons__release(&q->completion, count);
}

INLINED uint32_t forward(struct queue *q, uint32_t burst, enum swap how) {
  uint32_t from, first;
  uint64_t bytes = 0;
  recycle_completions(q);
  const uint32_t count = xsk_ring_cons__peek(&q->receive, burst, &from);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&q->transmit, count, &first) != count) abort();
  const struct xsk_ring_cons receive = q->receive;
  struct xsk_ring_prod transmit = q->transmit;
  uint8_t *const memory = q->memory;
  uint16_t *const custody = q->custody;
  const uint64_t chunk_count = q->chunk_count;
  const uint32_t end = from + count;
  uint32_t to = first;
  for (; from != end; from++) {
    const struct xdp_desc packet = *xsk_ring_cons__rx_desc(&receive, from);
    const uint64_t chunk = packet.addr >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != FILL || !fits(&packet)) continue;
    bytes += packet.len;
    swap_addresses(memory + packet.addr, packet.len, how);
    custody[chunk] = TRANSMIT;
    *xsk_ring_prod__tx_desc(&transmit, to++) = packet;
  }
  const uint32_t sent = submit(&q->transmit, first, to, count);
  q->refused += count - sent;
  q->received_packets += sent;
  q->received_bytes += bytes;
  q->sent_packets += sent;
  q->sent_bytes += bytes;
  xsk_ring_cons__release(&q->receive, count);
  kick(&q->transmit);
  return count;
}

uint32_t checked_forward(struct queue *q, uint32_t burst) { return forward(q, burst, AS_IT_IS); }
uint32_t checked_swap16(struct queue *q, uint32_t burst) { return forward(q, burst, SWAP_16); }
uint32_t checked_swap64(struct queue *q, uint32_t burst) { return forward(q, burst, SWAP_64); }

uint32_t checked_drop(struct queue *q, uint32_t burst) {
  uint32_t from, first;
  uint64_t bytes = 0;
  recycle_completions(q);
  const uint32_t count = xsk_ring_cons__peek(&q->receive, burst, &from);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&q->fill, count, &first) != count) abort();
  const struct xsk_ring_cons receive = q->receive;
  struct xsk_ring_prod fill = q->fill;
  const uint16_t *const custody = q->custody;
  const uint64_t chunk_count = q->chunk_count;
  const uint32_t end = from + count;
  uint32_t to = first;
  for (; from != end; from++) {
    const struct xdp_desc *packet = xsk_ring_cons__rx_desc(&receive, from);
    const uint64_t chunk = packet->addr >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != FILL || !fits(packet)) continue;
    bytes += packet->len;
    *xsk_ring_prod__fill_addr(&fill, to++) = chunk << CHUNK_SHIFT;
  }
  const uint32_t dropped = submit(&q->fill, first, to, count);
  q->refused += count - dropped;
  q->received_packets += dropped;
  q->received_bytes += bytes;
  q->dropped += dropped;
  xsk_ring_cons__release(&q->receive, count);
  return count;
}

uint32_t checked_generate(struct queue *q, uint32_t burst) {
  uint32_t to;
  free_completions(q);
  const uint32_t count = burst < q->free_count ? burst : q->free_count;
  if (xsk_ring_prod__reserve(&q->transmit, count, &to) != count) return 0;
  struct xsk_ring_prod transmit = q->transmit;
  uint16_t *const custody = q->custody;
  const uint32_t *top = q->stack + q->free_count;
  for (uint32_t i = 0; i != count; i++) {
    const uint64_t chunk = *--top;
    custody[chunk] = TRANSMIT;
    *xsk_ring_prod__tx_desc(&transmit, to + i) =
        (struct xdp_desc){.addr = chunk << CHUNK_SHIFT, .len = 64};
  }
  q->free_count -= count;
  q->sent_packets += count;
  q->sent_bytes += 64 * (uint64_t)count;
  xsk_ring_prod__submit(&q->transmit, count);
  kick(&q->transmit);
  return count;
}
