#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reference.h"

volatile int is_stopped;

static void stop(int number) {
  (void)number;
  is_stopped = 1;
}

void fail(const char *what, int error) {
  fprintf(stderr, "reference: %s: %s\n", what, strerror(error < 0 ? -error : error));
  exit(1);
}

void announce(void) {
  puts("ready");
  fflush(stdout);
}

uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int usage(void) {
  fputs(
      "usage: MartletReference sink|reflect|echo INTERFACE [--spin]\n"
      "       MartletReference forward INTERFACE INTERFACE [--spin]\n"
      "       MartletReference packet-sink INTERFACE FILE\n"
      "       MartletReference udp-echo ADDRESS PORT [--spin]\n"
      "       MartletReference ping ADDRESS PORT MILLISECONDS PAUSE-MICROSECONDS\n",
      stderr);
  return 64;
}

int main(int count, char **words) {
  // No restart: a call that sleeps is to end.
  const struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  const int spins = count > 1 && strcmp(words[count - 1], "--spin") == 0;
  count -= spins;
  const char *role = count > 1 ? words[1] : "";
  if (strcmp(role, "sink") == 0 && count == 3) return run_sink(words[2], spins);
  if (strcmp(role, "reflect") == 0 && count == 3) return run_reflect(words[2], spins);
  if (strcmp(role, "echo") == 0 && count == 3) return run_echo(words[2], spins);
  if (strcmp(role, "forward") == 0 && count == 4) return run_forward(words[2], words[3], spins);
  if (strcmp(role, "packet-sink") == 0 && count == 4) return run_packet_sink(words[2], words[3]);
  if (strcmp(role, "udp-echo") == 0 && count == 4)
    return run_udp_echo(words[2], atoi(words[3]), spins);
  if (strcmp(role, "ping") == 0 && count == 6)
    return run_ping(words[2], atoi(words[3]), atoi(words[4]), atoi(words[5]));
  return usage();
}
