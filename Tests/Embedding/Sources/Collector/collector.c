#include "collector.h"

// Debian's valgrind brings the header; without it there is nothing that could count.
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>

void collector_toggle(void) { CALLGRIND_TOGGLE_COLLECT; }
void collector_dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
#else
void collector_toggle(void) {}
void collector_dump(const char *name) { (void)name; }
#endif
