// The hot loops as one writes them in C with libxdp's inline functions, over rings in memory.
#pragma once
#include <stdint.h>

struct queue;

// One queue with rings of `ring` entries over `chunks` chunks of 2,048 bytes, `posted` of them on
// the fill ring; `is_unaligned` says that packets are named by where their slot begins, and the way
// from there. Ends the program if there is no memory.
struct queue *queue_make(uint32_t ring, uint32_t chunks, uint32_t posted, int is_unaligned);
void queue_free(struct queue *q);

// The kernel's end: takes `count` chunks off the fill ring and hands packets of 64 bytes
// up in them.
void queue_deliver(struct queue *q, uint32_t count);
// The kernel's end: sends whatever stands on the transmit ring. Returns how many that were.
uint32_t queue_transmit(struct queue *q);
// Descriptors and completions that were not believed: 0, or the loops compare nothing.
uint64_t queue_refused(const struct queue *q);

// Each loop handles one burst of at most `burst` packets and returns how many there were.

// With the checks and the ledger that Martlet keeps: an address inside the memory, a length inside
// its frame, a frame that this queue was given, a custody per frame, packets and bytes counted.
uint32_t checked_forward(struct queue *q, uint32_t burst);
uint32_t checked_swap16(struct queue *q, uint32_t burst);
uint32_t checked_swap64(struct queue *q, uint32_t burst);
uint32_t checked_drop(struct queue *q, uint32_t burst);
uint32_t checked_generate(struct queue *q, uint32_t burst);
// The same as checked_forward, in memory where slots begin anywhere.
uint32_t checked_unaligned(struct queue *q, uint32_t burst);

// Without: what comes back is believed and nothing is counted.
uint32_t plain_forward(struct queue *q, uint32_t burst);
uint32_t plain_swap16(struct queue *q, uint32_t burst);
uint32_t plain_swap64(struct queue *q, uint32_t burst);
uint32_t plain_drop(struct queue *q, uint32_t burst);
uint32_t plain_generate(struct queue *q, uint32_t burst);

// What a call costs.
uint32_t nothing(struct queue *q, uint32_t burst);
