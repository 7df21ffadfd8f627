/* fuzz_call.c - one record through decoding, dispatch and encoding, as a stream and as a datagram, without a socket. */
#include "rpc/call.h"
#include "rpc/limits.h"
#include "tests/unit/rpc/echo_program.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct region arena;
static uint8_t reply[RPC_RECORD_MAX];

static void answer(const uint8_t *record, size_t size, bool stream)
{
    static const struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = 0xffff};
    bool version_logged = true; /* keeps the log quiet */
    struct rpc_transport transport = {.programs = echo_programs,
                                      .program_count = echo_program_count,
                                      .stream = stream,
                                      .peer = (const struct sockaddr *)&peer,
                                      .arena = &arena,
                                      .version_logged = &version_logged};
    ssize_t n = call_answer(reply, sizeof reply, &transport, record, size);

    /* Invariants of any reply: at least xid, type, status and a reason; whole words; within a record. */
    if (n >= 0 && (n < 20 || n % 4 != 0 || (size_t)n + transport.tail.size > RPC_RECORD_MAX))
        abort();
    if (arena.used != 0 || (!stream && transport.tail.size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!arena.bytes) {
        if (region_reserve(&arena, RPC_ARENA_MAX) < 0)
            abort();
        region_reset(&arena);
        echo_file_open();
    }
    /* A copy of exactly this size, as no record stands at the start of a larger buffer for AddressSanitizer. */
    uint8_t *record = malloc(size ? size : 1);
    if (!record)
        abort();
    for (size_t i = 0; i < size; i++)
        record[i] = bytes[i];
    answer(record, size, true);
    answer(record, size, false);
    free(record);
    return 0;
}
