// References for the benchmarks: what Martlet's commands do, in C on libxdp, as fast as it can be
// written there; and what the kernel offers without AF_XDP.
#pragma once
#include <stdint.h>

// Set by SIGTERM and SIGINT: the roles end.
extern volatile int is_stopped;

// Ends the program with what failed and why.
void fail(const char *what, int error) __attribute__((noreturn));
// Says that the role is at work, for whoever waits for it.
void announce(void);
// Monotonic time in nanoseconds.
uint64_t now(void);

// On AF_XDP sockets; `spins` says whether they look for packets all the time or sleep in poll(2).
int run_sink(const char *interface, int spins);
int run_reflect(const char *interface, int spins);
int run_forward(const char *left, const char *right, int spins);
int run_echo(const char *interface, int spins);

// On AF_PACKET with TPACKET_V3: counts into 8 bytes at the start of `file`.
int run_packet_sink(const char *interface, const char *file);
// On the kernel's UDP.
int run_udp_echo(const char *address, int port, int spins);
// Asks and waits for the answer for so long, a pause between: writes JSON of the times.
int run_ping(const char *address, int port, int milliseconds, int pause_microseconds);
