// The loops as in libxdp's examples: no check, no ledger. What the loops look up is copied to
// locals, as in checked.c.
#include <stdlib.h>

#include "queue.h"
#include "reference.h"

INLINED void recycle_completions(struct queue *q) {
  uint32_t from, to;
  const uint32_t count = xsk_ring_cons__peek(&q->completion, q->completion.size, &from);
  if (count == 0) return;
  if (xsk_ring_prod__reserve(&q->fill, count, &to) != count) abort();
  const struct xsk_ring_cons completion = q->completion;
  struct xsk_ring_prod fill = q->fill;
  for (uint32_t i = 0; i != count; i++)
    *xsk_ring_prod__fill_addr(&fill, to + i) = *xsk_ring_cons__comp_addr(&completion, from + i);
  xsk_ring_prod__submit(&q->fill, count);
  xsk_ring_cons__release(&q->completion, count);
}

INLINED uint32_t forward(struct queue *q, uint32_t burst, enum swap how) {
  uint32_t from, to;
  recycle_completions(q);
  const uint32_t count = xsk_ring_cons__peek(&q->receive, burst, &from);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&q->transmit, count, &to) != count) abort();
  const struct xsk_ring_cons receive = q->receive;
  struct xsk_ring_prod transmit = q->transmit;
  uint8_t *const memory = q->memory;
  for (uint32_t i = 0; i != count; i++) {
    const struct xdp_desc *packet = xsk_ring_cons__rx_desc(&receive, from + i);
    swap_addresses(memory + packet->addr, packet->len, how);
    *xsk_ring_prod__tx_desc(&transmit, to + i) = *packet;
  }
  xsk_ring_prod__submit(&q->transmit, count);
  xsk_ring_cons__release(&q->receive, count);
  kick(&q->transmit);
  return count;
}

uint32_t plain_forward(struct queue *q, uint32_t burst) { return forward(q, burst, AS_IT_IS); }
uint32_t plain_swap16(struct queue *q, uint32_t burst) { return forward(q, burst, SWAP_16); }
uint32_t plain_swap64(struct queue *q, uint32_t burst) { return forward(q, burst, SWAP_64); }

uint32_t plain_drop(struct queue *q, uint32_t burst) {
  uint32_t from, to;
  const uint32_t count = xsk_ring_cons__peek(&q->receive, burst, &from);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&q->fill, count, &to) != count) abort();
  const struct xsk_ring_cons receive = q->receive;
  struct xsk_ring_prod fill = q->fill;
  for (uint32_t i = 0; i != count; i++)
    *xsk_ring_prod__fill_addr(&fill, to + i) = xsk_ring_cons__rx_desc(&receive, from + i)->addr;
  xsk_ring_prod__submit(&q->fill, count);
  xsk_ring_cons__release(&q->receive, count);
  return count;
}

uint32_t plain_generate(struct queue *q, uint32_t burst) {
  uint32_t from, to, done;
  done = xsk_ring_cons__peek(&q->completion, q->completion.size, &from);
  for (uint32_t i = 0; i != done; i++)
    q->stack[q->free_count++] = *xsk_ring_cons__comp_addr(&q->completion, from + i) >> CHUNK_SHIFT;
  if (done != 0) xsk_ring_cons__release(&q->completion, done);
  const uint32_t count = burst < q->free_count ? burst : q->free_count;
  if (xsk_ring_prod__reserve(&q->transmit, count, &to) != count) return 0;
  struct xsk_ring_prod transmit = q->transmit;
  const uint32_t *top = q->stack + q->free_count;
  for (uint32_t i = 0; i != count; i++)
    *xsk_ring_prod__tx_desc(&transmit, to + i) =
        (struct xdp_desc){.addr = (uint64_t)*--top << CHUNK_SHIFT, .len = 64};
  q->free_count -= count;
  xsk_ring_prod__submit(&q->transmit, count);
  kick(&q->transmit);
  return count;
}
