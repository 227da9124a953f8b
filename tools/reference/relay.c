// The three loops: a sink, one port that reflects, two ports that forward.
#include <string.h>

#include "memory.h"
#include "reference.h"

INLINED void swap_addresses(uint8_t *packet, uint32_t length) {
  uint64_t first, last;
  if (length < 14) return;
  memcpy(&first, packet, 8);
  memcpy(&last, packet + 4, 8);
  last = last >> 16 | first << 48;
  const uint32_t rest = (uint32_t)(first >> 16);
  memcpy(packet, &last, 8);
  memcpy(packet + 8, &rest, 4);
}

// One burst from `from` out of `to`, which may be the same port.
INLINED uint32_t relay(struct memory *memory, struct port *from, struct port *to, int swaps) {
  uint32_t at, first;
  uint64_t bytes = 0;
  recycle(memory, to, from);
  uint32_t count = xsk_ring_cons__peek(&from->receive, BURST, &at);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&to->transmit, count, &first) != count) {
    // Full: what waits is sent first.
    xsk_ring_cons__cancel(&from->receive, count);
    port_kick(to);
    return 0;
  }
  const struct xsk_ring_cons receive = from->receive;
  struct xsk_ring_prod transmit = to->transmit;
  uint8_t *const packets = memory->bytes;
  uint16_t *const custody = memory->custody;
  const uint64_t chunk_count = memory->chunk_count;
  uint32_t next = first;
  for (const uint32_t end = at + count; at != end; at++) {
    const struct xdp_desc packet = *xsk_ring_cons__rx_desc(&receive, at);
    const uint64_t chunk = packet.addr >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != FILL || !fits(&packet)) continue;
    bytes += packet.len;
    if (swaps) swap_addresses(packets + packet.addr, packet.len);
    custody[chunk] = TRANSMIT;
    *xsk_ring_prod__tx_desc(&transmit, next++) = packet;
  }
  const uint32_t sent = submit(&to->transmit, first, next, count);
  from->refused += count - sent;
  from->received_packets += sent;
  from->received_bytes += bytes;
  to->sent_packets += sent;
  to->sent_bytes += bytes;
  xsk_ring_cons__release(&from->receive, count);
  port_kick(to);
  return count;
}

INLINED uint32_t drop(struct memory *memory, struct port *port) {
  uint32_t at, first;
  uint64_t bytes = 0;
  const uint32_t count = xsk_ring_cons__peek(&port->receive, BURST, &at);
  if (count == 0) return 0;
  // What was received left room for itself.
  if (xsk_ring_prod__reserve(&port->fill, count, &first) != count) return 0;
  const struct xsk_ring_cons receive = port->receive;
  struct xsk_ring_prod fill = port->fill;
  const uint16_t *const custody = memory->custody;
  const uint64_t chunk_count = memory->chunk_count;
  uint32_t next = first;
  for (const uint32_t end = at + count; at != end; at++) {
    const struct xdp_desc *packet = xsk_ring_cons__rx_desc(&receive, at);
    const uint64_t chunk = packet->addr >> CHUNK_SHIFT;
    if (chunk >= chunk_count || custody[chunk] != FILL || !fits(packet)) continue;
    bytes += packet->len;
    *xsk_ring_prod__fill_addr(&fill, next++) = chunk << CHUNK_SHIFT;
  }
  const uint32_t dropped = submit(&port->fill, first, next, count);
  port->refused += count - dropped;
  port->received_packets += dropped;
  port->received_bytes += bytes;
  xsk_ring_cons__release(&port->receive, count);
  return count;
}

int run_sink(const char *interface, int spins) {
  struct memory memory;
  memory_open(&memory, &interface, 1);
  announce();
  while (!is_stopped)
    if (drop(&memory, &memory.ports[0]) == 0 && !spins) memory_wait(&memory);
  memory_close(&memory);
  return 0;
}

int run_reflect(const char *interface, int spins) {
  struct memory memory;
  memory_open(&memory, &interface, 1);
  announce();
  while (!is_stopped) {
    struct port *port = &memory.ports[0];
    if (relay(&memory, port, port, 1) == 0 && !spins) memory_wait(&memory);
  }
  memory_close(&memory);
  return 0;
}

int run_forward(const char *left, const char *right, int spins) {
  struct memory memory;
  const char *const interfaces[] = {left, right};
  memory_open(&memory, interfaces, 2);
  announce();
  struct port *const ports = memory.ports;
  while (!is_stopped) {
    uint32_t count = relay(&memory, &ports[0], &ports[1], 0);
    count += relay(&memory, &ports[1], &ports[0], 0);
    if (count == 0 && !spins) memory_wait(&memory);
  }
  memory_close(&memory);
  return 0;
}
