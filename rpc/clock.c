/* clock.c - the monotonic clock; a file of its own, so that tests can put another in its place and not wait a minute.
 */
#include "rpc/clock.h"

#include <time.h>

uint64_t clock_milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}
