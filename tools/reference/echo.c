// Answers UDP on an AF_XDP socket: Ethernet, IPv4 and UDP turned round. The checksums stay right.
#include <string.h>

#include "memory.h"
#include "reference.h"

INLINED void swap_bytes(uint8_t *left, uint8_t *right, size_t count) {
  uint8_t kept[6];
  memcpy(kept, left, count);
  memcpy(left, right, count);
  memcpy(right, kept, count);
}

INLINED int turn_round(uint8_t *packet, uint32_t length) {
  // IPv4 without options, UDP.
  if (length < 42 || packet[12] != 8 || packet[13] != 0 || packet[14] != 0x45 || packet[23] != 17)
    return 0;
  swap_bytes(packet, packet + 6, 6);
  swap_bytes(packet + 26, packet + 30, 4);
  swap_bytes(packet + 34, packet + 36, 2);
  return 1;
}

INLINED uint32_t answer(struct memory *memory, struct port *port) {
  uint32_t at, sending, filling;
  recycle(memory, port, port);
  const uint32_t count = xsk_ring_cons__peek(&port->receive, BURST, &at);
  if (count == 0) return 0;
  if (xsk_ring_prod__reserve(&port->transmit, count, &sending) != count) {
    xsk_ring_cons__cancel(&port->receive, count);
    port_kick(port);
    return 0;
  }
  if (xsk_ring_prod__reserve(&port->fill, count, &filling) != count) return 0;
  uint32_t next = sending, back = filling;
  for (const uint32_t end = at + count; at != end; at++) {
    const struct xdp_desc packet = *xsk_ring_cons__rx_desc(&port->receive, at);
    const uint64_t chunk = packet.addr >> CHUNK_SHIFT;
    if (chunk >= memory->chunk_count || memory->custody[chunk] != FILL || !fits(&packet)) continue;
    if (turn_round(memory->bytes + packet.addr, packet.len)) {
      memory->custody[chunk] = TRANSMIT;
      *xsk_ring_prod__tx_desc(&port->transmit, next++) = packet;
    } else {
      *xsk_ring_prod__fill_addr(&port->fill, back++) = chunk << CHUNK_SHIFT;
    }
  }
  port->received_packets += count;
  port->sent_packets += submit(&port->transmit, sending, next, count);
  submit(&port->fill, filling, back, count);
  xsk_ring_cons__release(&port->receive, count);
  port_kick(port);
  return count;
}

int run_echo(const char *interface, int spins) {
  struct memory memory;
  memory_open(&memory, &interface, 1);
  announce();
  while (!is_stopped)
    if (answer(&memory, &memory.ports[0]) == 0 && !spins) memory_wait(&memory);
  memory_close(&memory);
  return 0;
}
