/* test_budget.c - how many instructions a warm call takes from its record to its reply, and that it takes no more.
 *
 * Time is noise on a shared machine, instructions are not: a child answers one call while its parent lets it go step by
 * step and counts. What the kernel does is not in it. Without optimization, with sanitizers or on another processor the
 * numbers are others, so nothing is held against them there.
 */
#include "base/bytes.h"
#include "nfsd/export.h"
#include "nfsd/program.h"
#include "nfsd/verdict_writer.h"
#include "nfsd/worker.h"
#include "rpc/call.h"
#include "rpc/limits.h"
#include "rpc/words.h"
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HELD true
#else
#define HELD false
#endif

enum {
    HANDLE_SIZE = 32,
    GETATTR = 1,
    LOOKUP = 3,
    ACCESS = 4,
    READ = 6,
    READDIRPLUS = 17,
    BATCH = 16,
    STEPS_MAX = 10000000,
};

static const struct rpc_program *const programs[] = {&nfs_program};
static const struct siphash_key key = {1, 2};
static struct nfsd_app app = {.key = &key, .served = {programs, 1, 2049, 2049}};
static struct access_list *access_rules;
static struct region arena;
static uint8_t reply[RPC_RECORD_MAX], snapshot[16];
static void *worker;

static int setup(void **state)
{
    static char store[256];
    static struct error err;

    (void)state;
    access_rules = access_list_new();
    snprintf(store, sizeof store, "%s", fixture_path("budget"));
    assert_true(hex_decode(snapshot, sizeof snapshot, fixture_publish(store), 2 * sizeof snapshot));
    app.store_directory = store;
    assert_return_code(access_list_add(access_rules, "127.0.0.0/8", &err), 0);
    assert_return_code(tree_cache_new(&app.cache, TREE_CACHE_DEFAULT, &err), 0);
    assert_return_code(verdict_writer_new(&app.verdict_writer, store, NULL, &err), 0);
    assert_return_code(nfsd_worker_begin(&worker, &app, &err), 0);
    assert_return_code(region_reserve(&arena, RPC_ARENA_MAX), 0);
    region_reset(&arena);
    return 0;
}

static int teardown(void **state)
{
    nfsd_worker_end(worker);
    verdict_writer_free(app.verdict_writer);
    tree_cache_free(app.cache);
    access_list_free(access_rules);
    region_free(&arena);
    return scratch_tear_down(state);
}

static ssize_t answer(const uint8_t *record, size_t size)
{
    static const struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = 0xffff};
    struct rpc_transport transport = {.programs = programs,
                                      .program_count = 1,
                                      .stream = true,
                                      .peer = (const struct sockaddr *)&peer,
                                      .options = ACCESS_INSECURE,
                                      .access = access_rules,
                                      .worker = worker,
                                      .arena = &arena};

    return call_answer(reply, sizeof reply, &transport, record, size);
}

/* A call's header with AUTH_SYS of uid 0, up to the handle. */
static uint8_t *put_call(uint8_t *p, uint32_t procedure, const uint8_t handle[HANDLE_SIZE])
{
    const uint32_t words[] = {7, 0, 2, 100003, 3, procedure, 1, 20, 0, 0, 0, 0, 0, 0, 0};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        p = put_word(p, words[i]);
    return put_opaque(p, handle, HANDLE_SIZE);
}

/* The handle of a rank. */
static void make_handle(uint8_t out[HANDLE_SIZE_MAX], uint32_t rank)
{
    struct handle handle = {.kind = HANDLE_SNAPSHOT, .number = rank};

    memcpy(handle.id, snapshot, sizeof snapshot);
    assert_int_equal(handle_encode(out, &key, &handle), HANDLE_SIZE);
}

static void look_up(uint8_t handle[HANDLE_SIZE_MAX], const char *name)
{
    uint8_t record[512], root[HANDLE_SIZE_MAX];

    make_handle(root, 0);
    uint8_t *end = put_opaque(put_call(record, LOOKUP, root), name, (uint32_t)strlen(name));
    assert_true(answer(record, (size_t)(end - record)) > 0);
    assert_int_equal(get_be32(reply + 24), 0);
    memcpy(handle, reply + 32, HANDLE_SIZE);
}

/* --- Counting ----------------------------------------------------------------------------------------------------- */

/* What is counted; with no size, nothing is. */
typedef void (*counted)(const uint8_t *record, size_t size);

static void answer_call(const uint8_t *record, size_t size)
{
    answer(record, size);
}

/* Of BATCH calls that came together, all of one size. */
static void look_ahead(const uint8_t *records, size_t size)
{
    struct rpc_ahead calls[BATCH];
    unsigned count = 0;

    for (unsigned i = 0; i < BATCH; i++)
        count += call_ahead(&calls[count], records + i * size / BATCH, size / BATCH);
    nfsd_worker_ahead(worker, calls, count);
}

/* In the child: warm, then stop before and behind what is counted. */
static void perform(counted work, const uint8_t *record, size_t size)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(1);
    for (int i = 0; i < 3; i++)
        work(record, size);
    raise(SIGSTOP);
    if (size)
        work(record, size);
    raise(SIGSTOP);
    _exit(0);
}

/* Steps from the first stop to the second; -1: processes cannot be traced here. */
static long count_steps(counted work, const uint8_t *record, size_t size)
{
    int status;
    long steps = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        perform(work, record, size);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status))
        return -1;
    do {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0)
            break;
        assert_int_equal(waitpid(child, &status, 0), child);
        steps++;
    } while (steps < STEPS_MAX && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return steps;
}

static void hold_work_to(const char *what, counted work, const uint8_t *record, size_t size, long budget)
{
    long nothing = count_steps(work, record, 0), steps = count_steps(work, record, size);

    if (nothing < 0 || steps < 0)
        skip();
    printf("%s: %ld instructions, budget %ld\n", what, steps - nothing, budget);
    if (HELD)
        assert_in_range(steps - nothing, 1, budget);
}

static void hold_to(const char *what, const uint8_t *record, const uint8_t *end, long budget)
{
    assert_in_range(answer(record, (size_t)(end - record)), 28, RPC_RECORD_MAX);
    assert_int_equal(get_be32(reply + 24), 0);
    hold_work_to(what, answer_call, record, (size_t)(end - record), budget);
}

/* --- Budgets: what it took when this was written, by the worse of gcc 12 and clang 14 at -O2, and a tenth more ---- */

static void test_getattr(void **state)
{
    uint8_t record[512], handle[HANDLE_SIZE_MAX];

    (void)state;
    make_handle(handle, 3000);
    hold_to("GETATTR", record, put_call(record, GETATTR, handle), 1190);
}

static void test_access(void **state)
{
    uint8_t record[512], handle[HANDLE_SIZE_MAX];

    (void)state;
    make_handle(handle, 3000);
    hold_to("ACCESS", record, put_word(put_call(record, ACCESS, handle), 0x3f), 1305);
}

static void test_lookup(void **state)
{
    uint8_t record[512], handle[HANDLE_SIZE_MAX];

    (void)state;
    look_up(handle, "many");
    hold_to("LOOKUP", record, put_opaque(put_call(record, LOOKUP, handle), "f02500", 6), 2280);
}

static void test_read(void **state)
{
    uint8_t record[512], handle[HANDLE_SIZE_MAX];

    (void)state;
    look_up(handle, "small");
    hold_to("READ of a small content", record, put_word(put_word64(put_call(record, READ, handle), 0), FIXTURE_SMALL),
            1490);
    look_up(handle, "big");
    hold_to("READ of a large content", record, put_word(put_word64(put_call(record, READ, handle), 0), FIXTURE_BIG),
            1450);
}

static void test_readdirplus(void **state)
{
    uint8_t record[512], handle[HANDLE_SIZE_MAX], *p;

    (void)state;
    look_up(handle, "many");
    p = put_word64(put_word64(put_call(record, READDIRPLUS, handle), 0), 0);
    hold_to("READDIRPLUS of 25 entries", record, put_word(put_word(p, 4096), 4600), 27350);
}

/* Looking ahead comes on top of answering, so what it takes is held too: of calls that are all warm, the most there is
 * to look at. */
static void test_ahead(void **state)
{
    uint8_t records[BATCH * 512], handle[HANDLE_SIZE_MAX], *p = records;
    char name[8];

    (void)state;
    for (unsigned i = 0; i < BATCH; i++) {
        make_handle(handle, 3000 + i * 50);
        uint8_t *end = put_call(p, GETATTR, handle);
        assert_true(answer(p, (size_t)(end - p)) > 0);
        p = end;
    }
    hold_work_to("ahead of 16 GETATTRs", look_ahead, records, (size_t)(p - records), 7750);
    look_up(handle, "many");
    p = records;
    for (unsigned i = 0; i < BATCH; i++) {
        snprintf(name, sizeof name, "f%05u", 2000 + i * 50);
        uint8_t *end = put_opaque(put_call(p, LOOKUP, handle), name, 6);
        for (int times = 0; times < 2; times++) /* only the second one leaves its place behind */
            assert_true(answer(p, (size_t)(end - p)) > 0);
        p = end;
    }
    hold_work_to("ahead of 16 LOOKUPs", look_ahead, records, (size_t)(p - records), 10250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_getattr),     cmocka_unit_test(test_access), cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_readdirplus), cmocka_unit_test(test_read),   cmocka_unit_test(test_ahead),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
