/* transport.c - see transport.h. */
#include "tests/unit/rpc/transport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct harness harness;

int transport_set_up(void **state)
{
    (void)state;
    harness_start_default(&harness, 2);
    return 0;
}

int transport_tear_down(void **state)
{
    (void)state;
    harness_stop(&harness);
    return 0;
}

void add_echo(struct buffer *stream, uint32_t xid, uint32_t size)
{
    struct buffer record = {0};
    uint8_t *bytes = malloc(size + 1);

    memset(bytes, (int)(xid & 0xff), size);
    call_begin(&record, xid, ECHO_PROGRAM, 3, ECHO_OPAQUE);
    add_opaque(&record, bytes, size);
    buffer_add_be32(stream, 0x80000000u | (uint32_t)record.size);
    buffer_add(stream, record.bytes, record.size);
    buffer_free(&record);
    free(bytes);
}

void assert_echo(int fd, uint32_t xid, uint32_t size)
{
    struct buffer reply = {0};

    assert_true(receive_record(&reply, fd));
    assert_int_equal(word(&reply, 0), xid);
    assert_int_equal(word(&reply, 5), SUCCESS);
    assert_int_equal(word(&reply, 6), size);
    assert_int_equal(reply.size, 28 + (size + 3) / 4 * 4);
    for (uint32_t i = 0; i < size; i++)
        assert_int_equal(reply.bytes[28 + i], xid & 0xff);
    buffer_free(&reply);
}

void stuff(int fd)
{
    struct buffer record = {0};
    struct timeval patience = {.tv_usec = 300000};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    buffer_add_be32(&record, 0x80000000u + 44);
    call_begin(&record, 1, ECHO_PROGRAM, 3, ECHO_BIG);
    buffer_add_be32(&record, ECHO_MAX);
    for (unsigned i = 0; i < 1000000; i++)
        if (send(fd, record.bytes, record.size, MSG_NOSIGNAL) < 0)
            break;
    assert_true(errno == EAGAIN);
    buffer_free(&record);
}

void pause_ms(unsigned ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

uint64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

long resident_kb(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long total, resident;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

void assert_grew_less(long before, long kilobytes)
{
#ifdef __has_feature
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(SANITIZED) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    (void)before, (void)kilobytes;
#else
    assert_true(resident_kb() - before < kilobytes);
#endif
}
