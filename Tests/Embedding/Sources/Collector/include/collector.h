// Tells callgrind what to count. Outside callgrind both calls do nothing.
#pragma once

// Counting on if it is off, off if it is on.
void collector_toggle(void);

// Writes what was counted since the last time to a file of its own, under this name.
void collector_dump(const char *name);
