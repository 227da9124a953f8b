// The kernel's UDP: an echo, and the one who asks and takes the time.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reference.h"

// An answer that takes longer is lost.
enum { TIMEOUT = 20000000 };

static struct sockaddr_in endpoint(const char *address, int port) {
  struct sockaddr_in endpoint = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, address, &endpoint.sin_addr) != 1) fail(address, EINVAL);
  return endpoint;
}

int run_udp_echo(const char *address, int port, int spins) {
  const struct sockaddr_in own = endpoint(address, port);
  const int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(descriptor, (const struct sockaddr *)&own, sizeof own)) fail("bind", errno);
  announce();
  char bytes[2048];
  while (!is_stopped) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    const ssize_t length = recvfrom(
        descriptor, bytes, sizeof bytes, spins ? MSG_DONTWAIT : 0, (struct sockaddr *)&peer, &size);
    if (length >= 0) sendto(descriptor, bytes, (size_t)length, 0, (struct sockaddr *)&peer, size);
  }
  close(descriptor);
  return 0;
}

static int compare(const void *left, const void *right) {
  const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

// Nanoseconds until the answer to question `number` was there; 0 if it was lost.
static uint64_t ask(int descriptor, uint64_t number) {
  uint64_t answer;
  const uint64_t start = now();
  if (send(descriptor, &number, sizeof number, 0) < 0) return 0;
  for (;;) {
    const ssize_t length = recv(descriptor, &answer, sizeof answer, MSG_DONTWAIT);
    const uint64_t taken = now() - start;
    // The answer to an earlier question is late, and not what is waited for.
    if (length == sizeof answer && answer == number) return taken;
    if (taken > TIMEOUT) return 0;
  }
}

int run_ping(const char *address, int port, int milliseconds, int pause_microseconds) {
  const struct sockaddr_in peer = endpoint(address, port);
  const int descriptor = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(descriptor, (const struct sockaddr *)&peer, sizeof peer)) fail("connect", errno);
  const size_t room = 1 << 20;
  uint64_t *times = malloc(room * sizeof *times);
  if (!times) fail("memory", ENOMEM);
  size_t count = 0, lost = 0;
  const struct timespec pause = {.tv_nsec = 1000L * pause_microseconds};
  const uint64_t end = now() + 1000000 * (uint64_t)milliseconds;
  for (uint64_t number = 1; now() < end && count != room && !is_stopped; number++) {
    const uint64_t taken = ask(descriptor, number);
    if (taken) times[count++] = taken; else lost++;
    if (pause_microseconds) nanosleep(&pause, NULL);
  }
  qsort(times, count, sizeof *times, compare);
  printf(
      "{\"count\":%zu,\"lost\":%zu,\"p50_us\":%.3f,\"p99_us\":%.3f}\n", count, lost,
      count ? (double)times[count / 2] / 1000 : 0.0,
      count ? (double)times[count * 99 / 100] / 1000 : 0.0);
  free(times);
  close(descriptor);
  return 0;
}
