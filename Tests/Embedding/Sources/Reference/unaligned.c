// The checked loop over slots that may begin anywhere: what the kernel gives back has the slot's
// start, and the way from there to the packet in its top 16 bits. Per window of the memory one
// entry says who has the slot that begins there, and at which of its bytes.
#include <stdlib.h>

#include "queue.h"
#include "reference.h"

enum { WINDOW_MASK = (1 << CHUNK_SHIFT) - 1 };

INLINED uint32_t entry(uint16_t custody, uint64_t address) {
  return (uint32_t)custody << 16 | (address & WINDOW_MASK);
}

// Whether a descriptor names one whole packet inside its slot; options stand above the length.
INLINED int fits(const struct xdp_desc *packet) {
  const uint64_t room = (1 << CHUNK_SHIFT) - xsk_umem__extract_offset(packet->addr);
  uint64_t extent;
  memcpy(&extent, &packet->len, sizeof extent);
  return (int64_t)room >= 0 && extent <= room;
}

// What was sent as it was received comes back with its slot's start.
INLINED void recycle_completions(struct queue *q) {
  uint32_t from, first;
  const uint32_t count = xsk_ring_cons__peek(&q->completion, q->completion.size, &from);
  if (count == 0) return;
  if (xsk_ring_prod__reserve(&q->fill, count, &first) != count) abort();
  const struct xsk_ring_cons completion = q->completion;
  struct xsk_ring_prod fill = q->fill;
  uint32_t *const entries = q->entries;
  const uint64_t window_count = q->chunk_count;
  const uint32_t end = from + count;
  uint32_t to = first;
  for (; from != end; from++) {
    const uint64_t start = xsk_umem__extract_addr(*xsk_ring_cons__comp_addr(&completion, from));
    const uint64_t window = start >> CHUNK_SHIFT;
    if (window >= window_count || entries[window] != entry(TRANSMIT, start)) continue;
    entries[window] = entry(FILL, start);
    *xsk_ring_prod__fill_addr(&fill, to++) = start;
  }
  q->refused += count - submit(&q->fill, first, to, count);
  xsk_ring_cons__release(&q->completion, count);
}

uint32_t checked_unaligned(struct queue *q, uint32_t burst) {
  uint32_t from, first;
  uint64_t bytes = 0;
  recycle_completions(q);
  const uint32_t count = xsk_ring_cons__peek(&q->receive, burst, &from);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&q->transmit, count, &first) != count) abort();
  const struct xsk_ring_cons receive = q->receive;
  struct xsk_ring_prod transmit = q->transmit;
  uint32_t *const entries = q->entries;
  const uint64_t window_count = q->chunk_count;
  const uint32_t end = from + count;
  uint32_t to = first;
  for (; from != end; from++) {
    const struct xdp_desc packet = *xsk_ring_cons__rx_desc(&receive, from);
    const uint64_t start = xsk_umem__extract_addr(packet.addr);
    const uint64_t window = start >> CHUNK_SHIFT;
    if (window >= window_count || entries[window] != entry(FILL, start) || !fits(&packet)) continue;
    bytes += packet.len;
    entries[window] = entry(TRANSMIT, start);
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
