/* transport.h - what the tests of connections and of the server share: a server for each test, streams of calls, and
 * what the process took for them. */
#ifndef TESTS_RPC_TRANSPORT_H
#define TESTS_RPC_TRANSPORT_H

#include "tests/unit/rpc/harness.h"

/* The server of a test that has this set-up: of two threads, on loopback. */
extern struct harness harness;
int transport_set_up(void **state);
int transport_tear_down(void **state);

#define TRANSPORT_TEST(name) cmocka_unit_test_setup_teardown(name, transport_set_up, transport_tear_down)

/* Append a framed ECHO_OPAQUE call of `size` bytes that depend on its xid; the next reply is that call's. */
void add_echo(struct buffer *stream, uint32_t xid, uint32_t size);
void assert_echo(int fd, uint32_t xid, uint32_t size);

/* Ask for much and read nothing, until the server reads no more either. */
void stuff(int fd);

void pause_ms(unsigned ms);

/* Milliseconds of processor time that the whole process has used. */
uint64_t cpu_ms(void);

/* Kilobytes of memory that this process may have touched. */
long resident_kb(void);

/* Since `before`, in KiB. Sanitizers keep shadows of all memory, and what was freed, which says nothing of the server:
 * with them it always holds. */
void assert_grew_less(long before, long kilobytes);

#endif
