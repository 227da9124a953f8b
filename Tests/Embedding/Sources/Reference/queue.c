#include "queue.h"

#include <stdlib.h>

#include "reference.h"

// What the kernel leaves in front of a packet.
#define HEADROOM 256ull

static void *zeroed(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) abort();
  return memory;
}

// libxdp's structs for the two kinds of ring have the same members.
#define MAKE_RING(ring_, count, entry)                      \
  do {                                                      \
    uint32_t *words = zeroed(3 * 16, sizeof(uint32_t));     \
    (ring_)->producer = words;                              \
    (ring_)->consumer = words + 16;                         \
    (ring_)->flags = words + 32;                            \
    (ring_)->ring = zeroed(count, sizeof(entry));           \
    (ring_)->size = count;                                  \
    (ring_)->mask = (count)-1;                              \
  } while (0)

struct queue *queue_make(uint32_t ring, uint32_t chunks, uint32_t posted, int is_unaligned) {
  struct queue *q = zeroed(1, sizeof *q);
  MAKE_RING(&q->fill, ring, uint64_t);
  MAKE_RING(&q->receive, ring, struct xdp_desc);
  MAKE_RING(&q->transmit, ring, struct xdp_desc);
  MAKE_RING(&q->completion, ring, uint64_t);
  q->fill.cached_cons = q->transmit.cached_cons = ring;
  q->chunk_count = chunks;
  q->is_unaligned = is_unaligned;
  q->memory = zeroed(chunks, 1 << CHUNK_SHIFT);
  q->custody = zeroed(chunks, sizeof *q->custody);
  q->entries = zeroed(chunks, sizeof *q->entries);
  q->stack = zeroed(chunks, sizeof *q->stack);
  for (uint32_t chunk = chunks; chunk > posted; chunk--) q->stack[q->free_count++] = chunk - 1;
  uint32_t index;
  if (xsk_ring_prod__reserve(&q->fill, posted, &index) != posted) abort();
  for (uint32_t chunk = 0; chunk < posted; chunk++) {
    *xsk_ring_prod__fill_addr(&q->fill, index + chunk) = (uint64_t)chunk << CHUNK_SHIFT;
    q->custody[chunk] = FILL;
    q->entries[chunk] = FILL << 16;
  }
  xsk_ring_prod__submit(&q->fill, posted);
  return q;
}

void queue_free(struct queue *q) {
  free(q->fill.producer), free(q->fill.ring);
  free(q->receive.producer), free(q->receive.ring);
  free(q->transmit.producer), free(q->transmit.ring);
  free(q->completion.producer), free(q->completion.ring);
  free(q->memory), free(q->custody), free(q->entries), free(q->stack), free(q);
}

void queue_deliver(struct queue *q, uint32_t count) {
  const uint64_t *fill = q->fill.ring;
  struct xdp_desc *receive = q->receive.ring;
  while (count-- != 0) {
    if (*q->fill.consumer == *q->fill.producer) abort();
    // Any byte names the chunk, as for the kernel in aligned mode.
    uint64_t address = fill[(*q->fill.consumer)++ & q->fill.mask] & ~((1u << CHUNK_SHIFT) - 1ull);
    receive[(*q->receive.producer)++ & q->receive.mask] =
        (struct xdp_desc){.addr = q->is_unaligned ? address | HEADROOM << 48 : address + HEADROOM,
                          .len = 64};
  }
}

uint32_t queue_transmit(struct queue *q) {
  const struct xdp_desc *transmit = q->transmit.ring;
  uint64_t *completion = q->completion.ring;
  uint32_t count = 0;
  for (; *q->transmit.consumer != *q->transmit.producer; count++) {
    uint64_t address = transmit[(*q->transmit.consumer)++ & q->transmit.mask].addr;
    completion[(*q->completion.producer)++ & q->completion.mask] = address;
  }
  return count;
}

uint64_t queue_refused(const struct queue *q) { return q->refused; }

uint32_t nothing(struct queue *q, uint32_t burst) {
  (void)q;
  return burst;
}
