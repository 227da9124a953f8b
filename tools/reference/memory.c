#include "memory.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "reference.h"

#ifndef SOL_XDP
#define SOL_XDP 283
#endif
// Linux 6.18: how many packets one kick may send, instead of 32.
enum { MAX_TX_SKB_BUDGET = 9 };

static void port_open(struct memory *memory, struct port *port, const char *interface) {
  const struct xsk_socket_config configuration = {
      .rx_size = RING_SIZE, .tx_size = RING_SIZE, .bind_flags = XDP_USE_NEED_WAKEUP | XDP_COPY};
  int error = -EBUSY;
  // A queue stays busy for a moment after its last owner is gone.
  for (int trial = 0; trial != 100 && error == -EBUSY; trial++) {
    if (trial) usleep(10000);
    error = xsk_socket__create_shared(
        &port->socket, interface, 0, memory->umem, &port->receive, &port->transmit, &port->fill,
        &port->completion, &configuration);
  }
  if (error) fail(interface, error);
  port->descriptor = xsk_socket__fd(port->socket);
  const int budget = BURST;
  // Older kernels have no such option.
  setsockopt(port->descriptor, SOL_XDP, MAX_TX_SKB_BUDGET, &budget, sizeof budget);
}

static void port_fill(struct memory *memory, struct port *port, uint32_t first_chunk) {
  uint32_t at;
  const uint32_t count = CHUNKS_PER_PORT;
  if (xsk_ring_prod__reserve(&port->fill, count, &at) != count) fail("fill", ENOBUFS);
  for (uint32_t i = 0; i != count; i++) {
    memory->custody[first_chunk + i] = FILL;
    *xsk_ring_prod__fill_addr(&port->fill, at + i) = (uint64_t)(first_chunk + i) << CHUNK_SHIFT;
  }
  xsk_ring_prod__submit(&port->fill, count);
}

void memory_open(struct memory *memory, const char *const *interfaces, uint32_t count) {
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &unlimited);
  libxdp_set_print(NULL);
  memset(memory, 0, sizeof *memory);
  memory->port_count = count;
  memory->chunk_count = count * CHUNKS_PER_PORT;
  const size_t size = memory->chunk_count << CHUNK_SHIFT;
  memory->bytes = mmap(
      NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory->bytes == MAP_FAILED) fail("memory", errno);
  memory->custody = calloc(memory->chunk_count, sizeof *memory->custody);
  if (!memory->custody) fail("memory", ENOMEM);
  const struct xsk_umem_config configuration = {
      .fill_size = FILL_SIZE, .comp_size = RING_SIZE, .frame_size = CHUNK_SIZE};
  int error = xsk_umem__create(
      &memory->umem, memory->bytes, size, &memory->ports[0].fill, &memory->ports[0].completion,
      &configuration);
  if (error) fail("register memory", error);
  for (uint32_t i = 0; i != count; i++) {
    port_open(memory, &memory->ports[i], interfaces[i]);
    port_fill(memory, &memory->ports[i], i * CHUNKS_PER_PORT);
  }
}

void memory_close(struct memory *memory) {
  for (uint32_t i = memory->port_count; i-- != 0;) xsk_socket__delete(memory->ports[i].socket);
  xsk_umem__delete(memory->umem);
}

void memory_wait(struct memory *memory) {
  struct pollfd set[2];
  for (uint32_t i = 0; i != memory->port_count; i++)
    set[i] = (struct pollfd){.fd = memory->ports[i].descriptor, .events = POLLIN};
  poll(set, memory->port_count, -1);
}

static uint32_t pending(const struct port *port) {
  return *port->transmit.producer - __atomic_load_n(port->transmit.consumer, __ATOMIC_ACQUIRE);
}

void port_kick(struct port *port) {
  if (!xsk_ring_prod__needs_wakeup(&port->transmit)) return;
  for (uint32_t before = pending(port), after; before != 0; before = after) {
    sendto(port->descriptor, NULL, 0, MSG_DONTWAIT, NULL, 0);
    after = pending(port);
    if (after == before) return;
  }
}
