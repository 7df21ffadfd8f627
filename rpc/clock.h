/* clock.h - the time that limits are measured by. */
#ifndef RPC_CLOCK_H
#define RPC_CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that never jumps; never 0. */
uint64_t clock_milliseconds(void);

#endif
