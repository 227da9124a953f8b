// A sink on AF_PACKET: blocks of packets in a ring that the kernel fills (TPACKET_V3).
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reference.h"

enum { BLOCK_SIZE = 1 << 18, BLOCK_COUNT = 64, FRAME_SIZE = 2048 };

static uint64_t *map_counter(const char *path) {
  const int file = open(path, O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof(uint64_t))) fail(path, errno);
  uint64_t *counter = mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (counter == MAP_FAILED) fail(path, errno);
  close(file);
  return counter;
}

static uint8_t *open_ring(int socket) {
  const int version = TPACKET_V3;
  const struct tpacket_req3 request = {
      .tp_block_size = BLOCK_SIZE, .tp_block_nr = BLOCK_COUNT, .tp_frame_size = FRAME_SIZE,
      .tp_frame_nr = BLOCK_SIZE / FRAME_SIZE * BLOCK_COUNT, .tp_retire_blk_tov = 1};
  if (setsockopt(socket, SOL_PACKET, PACKET_VERSION, &version, sizeof version)) fail("v3", errno);
  if (setsockopt(socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof request)) fail("ring", errno);
  void *ring = mmap(
      NULL, (size_t)BLOCK_SIZE * BLOCK_COUNT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
      socket, 0);
  if (ring == MAP_FAILED) fail("map ring", errno);
  return ring;
}

int run_packet_sink(const char *interface, const char *file) {
  uint64_t *const counter = map_counter(file);
  const int descriptor = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  if (descriptor < 0) fail("socket", errno);
  uint8_t *const ring = open_ring(descriptor);
  const struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
      .sll_ifindex = (int)if_nametoindex(interface)};
  if (bind(descriptor, (const struct sockaddr *)&address, sizeof address)) fail("bind", errno);
  announce();
  struct pollfd set = {.fd = descriptor, .events = POLLIN | POLLERR};
  for (uint32_t number = 0; !is_stopped; number = (number + 1) % BLOCK_COUNT) {
    struct tpacket_block_desc *block = (void *)(ring + (size_t)number * BLOCK_SIZE);
    uint32_t *const status = &block->hdr.bh1.block_status;
    while (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) && !is_stopped)
      poll(&set, 1, -1);
    // Its packets lie one behind the other; a sink needs to look at none.
    __atomic_store_n(counter, *counter + block->hdr.bh1.num_pkts, __ATOMIC_RELAXED);
    __atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  }
  close(descriptor);
  return 0;
}
