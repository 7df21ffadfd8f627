/* fuzz_programs.c - one record through all programs of the server, on a store with one of everything.
 *
 * Handles carry a check that no fuzzer guesses, so whatever looks like one is signed again before the record is
 * answered: its kind and number stay what the fuzzer made of them, its id becomes that of the store's snapshot.
 */
#include "base/bytes.h"
#include "base/digest.h"
#include "mountd/program.h"
#include "nfsd/export.h"
#include "nfsd/handle.h"
#include "nfsd/program.h"
#include "nfsd/verdict_writer.h"
#include "nfsd/worker.h"
#include "rpc/call.h"
#include "rpc/limits.h"
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { HANDLE_REST = 16 }; /* bytes of a handle beside its id */

static const struct rpc_program *const programs[] = {&nfs_program, &nfsacl_program, &mount_program, &nlm_program,
                                                     &portmap_program};
static const struct siphash_key key = {1, 2};
static struct nfsd_app app = {.key = &key, .served = {programs, sizeof programs / sizeof *programs, 2049, 2049}};
static struct region arena;
static uint8_t reply[RPC_RECORD_MAX], snapshot[16];
static void *worker;

static void must(bool good)
{
    if (!good)
        abort();
}

/* All kinds of which there is something; of verdicts the root. */
static bool is_signed(unsigned kind)
{
    return (kind >= HANDLE_VIRTUAL && kind <= HANDLE_META && kind != HANDLE_BLOB) || kind == HANDLE_VERDICT;
}

static void sign(uint8_t *record, size_t size)
{
    for (size_t at = 0; at + 4 + HANDLE_REST <= size; at += 4) {
        uint8_t *p = record + at + 4, bytes[HANDLE_SIZE_MAX];
        struct handle handle = {.kind = p[1], .number = get_be32(p + 4)};

        size_t whole = HANDLE_REST + handle_id_size(p[1]);
        if (at + 4 + whole > size || get_be32(record + at) != whole || p[0] != 1 || !is_signed(p[1]))
            continue;
        if (handle.kind == HANDLE_SNAPSHOT || handle.kind == HANDLE_META)
            memcpy(handle.id, snapshot, sizeof snapshot);
        if (handle.kind == HANDLE_VERDICT)
            put_be64(handle.id, VERDICTS_ROOT);
        memcpy(p, bytes, handle_encode(bytes, &key, &handle));
    }
}

static void answer(const uint8_t *record, size_t size, bool stream, const struct access_list *access)
{
    static const struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = 0xffff};
    bool version_logged = true; /* keeps the log quiet */
    struct rpc_transport transport = {.programs = programs,
                                      .program_count = app.served.program_count,
                                      .stream = stream,
                                      .peer = (const struct sockaddr *)&peer,
                                      .options = ACCESS_INSECURE | EXPORT_BLOB | EXPORT_META | EXPORT_CACHE,
                                      .access = access,
                                      .worker = worker,
                                      .arena = &arena,
                                      .version_logged = &version_logged};
    struct rpc_ahead ahead[2];

    if (call_ahead(&ahead[0], record, size)) {
        ahead[1] = ahead[0];
        nfsd_worker_ahead(worker, ahead, 2);
    }
    ssize_t n = call_answer(reply, sizeof reply, &transport, record, size);

    must(n < 0 || (n >= 20 && n % 4 == 0 && (size_t)n + transport.tail.size <= RPC_RECORD_MAX));
    must(stream || !transport.tail.size);
    nfsd_worker_rest(worker);
}

static struct access_list *begin(void)
{
    static char store[256];
    static struct error err;
    struct access_list *access = access_list_new();

    atexit(scratch_remove);
    strncpy(store, fixture_path("fuzz"), sizeof store - 1);
    must(hex_decode(snapshot, sizeof snapshot, fixture_publish(store), 2 * sizeof snapshot));
    app.store_directory = store;
    must(access && access_list_add(access, "127.0.0.0/8", &err) == 0);
    must(tree_cache_new(&app.cache, TREE_CACHE_DEFAULT, &err) == 0);
    must(renderings_new(&app.renderings, store, RENDERINGS_BYTES_MAX, &err) == 0);
    must(verdict_writer_new(&app.verdict_writer, store, NULL, &err) == 0);
    must(nfsd_worker_begin(&worker, &app, &err) == 0);
    must(region_reserve(&arena, RPC_ARENA_MAX) == 0);
    region_reset(&arena);
    return access;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct access_list *access;

    if (!access)
        access = begin();
    /* A copy of exactly this size, as no record stands at the start of a larger buffer for AddressSanitizer. */
    uint8_t *record = malloc(size ? size : 1);
    must(record);
    if (size)
        memcpy(record, bytes, size);
    sign(record, size);
    answer(record, size, true, access);
    answer(record, size, false, access);
    free(record);
    return 0;
}
