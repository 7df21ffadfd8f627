/* Keeping and letting go, by real processes.
 *
 * First kill -9 of gc at $CONFUSE_KILLS (10) random instants: after each fsck finds nothing, and what is kept is there.
 * Then for $CONFUSE_SOAK (5) seconds imports, some of which are killed, forget, gc and fsck all at once, beside a
 * server that is read: no wrong byte, no snapshot lost that was told, nothing damaged; and in the end the space is
 * back.
 */
#include "tests/e2e/capture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#define VERSIONS 6u /* of one capture; the first stays, the others come and go */
#define FILES 600u
#define CONTENTS 300u
#define LARGE_EACH 20u
#define ID_DIGITS 32
#define OTHERS_MAX 400u /* snapshots under names of their own, that stay until the end */

static struct {
    char *store, *reference; /* the reference has all versions, and is only read */
    char *sources[VERSIONS];
    char ids[VERSIONS][ID_DIGITS + 1];
    double seconds; /* that gc takes, about */
} t;

/* --- Commands ----------------------------------------------------------------------------------------------------- */

#define START(name, store_of, ...) process_start(name, (const char *const[]){"--store", store_of, __VA_ARGS__, NULL})

static void must(int code, int expected, const char *what)
{
    if (code != expected)
        process_fail("%s ended with %d instead of %d", what, code, expected);
}

static void expect_whole(void)
{
    must(process_wait(START("run", t.store, "fsck")), 0, "fsck");
}

static bool is_listed(const char *id)
{
    must(process_wait(START("run", t.store, "log")), 0, "log");
    char *out = process_output("run", "out");
    bool listed = strstr(out, id);
    free(out);
    return listed;
}

/* The id that an import printed; "": none. */
static void read_id(char id[ID_DIGITS + 1], const char *name)
{
    char *out = process_output(name, "out");

    *id = '\0';
    if (strchr(out, '\n'))
        snprintf(id, ID_DIGITS + 1, "%.*s", ID_DIGITS, out);
    free(out);
}

static void import(unsigned version)
{
    char id[ID_DIGITS + 1];

    must(process_wait(START("run", t.store, "import", t.sources[version])), 0, "import");
    read_id(id, "run");
    if (strcmp(id, t.ids[version]) != 0)
        process_fail("version %u became %s instead of %s", version, id, t.ids[version]);
}

static unsigned long bytes_of(const char *store)
{
    char command[300];
    unsigned long bytes = 0;

    /* Without the WAL, which goes when the last one has closed. */
    snprintf(command, sizeof command,
             "find '%s' -type f ! -name '*-wal' ! -name '*-shm' -printf '%%s\\n' | awk '{n+=$1} END {print n}'", store);
    FILE *pipe = popen(command, "r");
    if (!pipe || fscanf(pipe, "%lu", &bytes) != 1)
        process_fail("%s", command);
    pclose(pipe);
    return bytes;
}

static int set_up(void **state)
{
    (void)state;
    t.store = process_path("store");
    t.reference = process_path("reference");
    for (unsigned v = 0; v < VERSIONS; v++) {
        const struct capture capture = {.namespace = "keep",
                                        .version = v * 1000 + v,
                                        .files = FILES,
                                        .contents = CONTENTS,
                                        .large_each = LARGE_EACH};
        char name[16];

        snprintf(name, sizeof name, "v%u.csv", v);
        t.sources[v] = process_path(name);
        FILE *file = fopen(t.sources[v], "w");
        if (!file)
            process_fail("%s", t.sources[v]);
        capture_write(file, &capture);
        if (fclose(file) != 0)
            process_fail("%s", t.sources[v]);
        must(process_wait(START("run", t.reference, "import", t.sources[v])), 0, "import");
        read_id(t.ids[v], "run");
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    process_remove(NULL);
    for (unsigned v = 0; v < VERSIONS; v++)
        free(t.sources[v]);
    free(t.store);
    free(t.reference);
    return 0;
}

/* --- Kills -------------------------------------------------------------------------------------------------------- */

static void make_garbage(void)
{
    for (unsigned v = 1; v < VERSIONS; v++)
        import(v);
    for (unsigned v = 1; v < VERSIONS; v++)
        must(process_wait(START("run", t.store, "forget", t.ids[v])), 0, "forget");
}

static void collect_all(void)
{
    double began = process_seconds();

    must(process_wait(START("run", t.store, "gc")), 0, "gc");
    t.seconds = process_seconds() - began;
    must(process_wait(START("run", t.store, "--json", "gc")), 0, "gc");
    char *out = process_output("run", "out");
    if (!strstr(out, "\"nodes\":0,\"blobs\":0,\"files\":0,"))
        process_fail("a second gc found %s", out);
    free(out);
}

static void a_killed_gc_leaves_a_whole_store(void **state)
{
    unsigned long kills = process_setting("CONFUSE_KILLS", 10), interrupted = 0;
    (void)state;

    import(0);
    unsigned long clean = bytes_of(t.store);
    make_garbage();
    collect_all();
    for (unsigned long i = 0; i < kills; i++) {
        if (i % 4 == 0)
            make_garbage();
        pid_t pid = START("gc", t.store, "gc");
        process_sleep(t.seconds * (double)process_random(10000) / 10000);
        kill(pid, SIGKILL);
        int code = process_wait(pid);
        interrupted += code == 128 + SIGKILL;
        t.seconds *= code == 128 + SIGKILL ? 1.05 : 0.85; /* follow how busy the machine is */
        expect_whole();
        if (!is_listed(t.ids[0]) || is_listed(t.ids[1]))
            process_fail("another snapshot is there than should be");
        if (process_random(2))
            import(1 + (unsigned)process_random(VERSIONS - 1)), expect_whole();
        for (unsigned v = 1; v < VERSIONS; v++)
            process_wait(START("run", t.store, "forget", t.ids[v]));
    }
    collect_all();
    expect_whole();
    unsigned long end = bytes_of(t.store);
    if (end > clean + clean / 4)
        process_fail("%lu bytes are left of %lu", end, clean);
    print_message("%lu kills, %lu of them interrupted gc\n", kills, interrupted);
    must(process_wait(START("run", t.store, "forget", t.ids[0])), 0, "forget");
    process_remove("store");
}

/* --- All at once -------------------------------------------------------------------------------------------------- */

/* A server, and its port from what it says. */
static pid_t serve(uint16_t *port, const char *name, const char *store)
{
    pid_t pid = START(name, store, "serve", "--listen", "127.0.0.1:0", "--portmap", "off", "--threads", "2", "--allow",
                      "127.0.0.0/8,insecure");

    for (int i = 0; i < 1000; i++) {
        char *err = process_output(name, "err");
        const char *at = strstr(err, "port=");
        bool listens = strstr(err, "serving") && at && sscanf(at, "port=%hu", port) == 1;

        free(err);
        if (listens)
            return pid;
        process_sleep(0.01);
    }
    process_fail("%s does not listen", name);
}

/* One file of a version in the store, against the same in the reference. What is forgotten is STALE or NOENT. Does it
 * answer? */
static bool compare_file(struct client *served, struct client *right, unsigned version, unsigned file)
{
    char path[64], names[2][16];
    struct fh root[2], directory[2], fh[2];
    const uint8_t *data;
    uint32_t count;
    bool eof;

    snprintf(path, sizeof path, "/snap/%s", t.ids[version]);
    snprintf(names[0], sizeof names[0], "d%u", file / 100);
    snprintf(names[1], sizeof names[1], "f%u", file);
    if (call_mount(&root[1], right, path) != OK)
        process_fail("the reference lacks %s", path);
    directory[1] = call_walk(right, &root[1], names[0]);
    fh[1] = call_walk(right, &directory[1], names[1]);
    uint32_t status = call_mount(&root[0], served, path);
    if (status == OK)
        status = call_lookup(&directory[0], NULL, served, &root[0], names[0], strlen(names[0]));
    if (status == OK)
        status = call_lookup(&fh[0], NULL, served, &directory[0], names[1], strlen(names[1]));
    for (uint64_t at = 0; status == OK; at += count) {
        status = call_read(&data, &count, &eof, served, &fh[0], at, 32768);
        if (status != OK)
            break;
        uint8_t bytes[32768];
        uint32_t expected;
        bool expected_eof;
        memcpy(bytes, data, count);
        if (call_read(&data, &expected, &expected_eof, right, &fh[1], at, 32768) != OK || expected != count ||
            memcmp(bytes, data, count) != 0 || eof != expected_eof)
            process_fail("%s/%s/%s has other bytes at %lu", path, names[0], names[1], (unsigned long)at);
        if (eof)
            return true;
    }
    if (status != STALE && status != NOENT)
        process_fail("%s/%s/%s: status %u", path, names[0], names[1], status);
    return false;
}

enum job { IMPORT_SAME, IMPORT_OTHER, FORGET, COLLECT, CHECK, JOBS };
static const char *const job_names[JOBS] = {"same", "other", "forget", "gc", "fsck"};

static struct soak {
    struct running {
        pid_t pid;
        bool killed;
        double kill_at; /* 0: never */
    } running[JOBS];
    unsigned done[JOBS], others, killed, whole, gone;
    char other_ids[OTHERS_MAX][ID_DIGITS + 1];
} s;

static void start_job(enum job job, bool may_be_killed)
{
    struct running *r = &s.running[job];
    unsigned version = 1 + (unsigned)process_random(VERSIONS - 1);
    char namespace[32];

    snprintf(namespace, sizeof namespace, "other/%u", s.done[IMPORT_OTHER]);
    r->killed = false;
    r->kill_at = may_be_killed && job != CHECK && process_random(4) == 0
                     ? process_seconds() + (double)process_random(100) / 500
                     : 0;
    if (job == IMPORT_SAME)
        r->pid = START("same", t.store, "import", t.sources[version]);
    else if (job == IMPORT_OTHER)
        r->pid = START("other", t.store, "import", "--namespace", namespace, t.sources[version]);
    else if (job == FORGET)
        r->pid = START("forget", t.store, "forget", t.ids[version]);
    else
        r->pid = START(job_names[job], t.store, job_names[job]);
}

/* What was told to be there must stay. */
static void end_job(enum job job, int code)
{
    char id[ID_DIGITS + 1];

    s.done[job]++;
    if (s.running[job].killed && code == 128 + SIGKILL)
        s.killed++;
    else if (code != 0 && !(job == FORGET && code == 3)) /* it is not there just now */
        process_fail("%s ended with %d; see %s.err", job_names[job], code, job_names[job]);
    if (job != IMPORT_OTHER)
        return;
    read_id(id, "other");
    if (*id && s.others < OTHERS_MAX)
        memcpy(s.other_ids[s.others++], id, sizeof id);
}

static void poll_job(enum job job, bool restart)
{
    struct running *r = &s.running[job];
    int status;

    if (r->pid && r->kill_at > 0 && process_seconds() > r->kill_at && !r->killed) {
        kill(r->pid, SIGKILL);
        r->killed = true;
    }
    if (r->pid && waitpid(r->pid, &status, WNOHANG) == r->pid) {
        r->pid = 0;
        end_job(job, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
    if (!r->pid && restart && (job != IMPORT_OTHER || s.others < OTHERS_MAX))
        start_job(job, true);
}

static bool any_runs(void)
{
    for (enum job job = 0; job < JOBS; job++)
        if (s.running[job].pid)
            return true;
    return false;
}

static void all_at_once(void **state)
{
    double until = process_seconds() + (double)process_setting("CONFUSE_SOAK", 5);
    uint16_t ports[2];
    struct client clients[2];
    (void)state;

    import(0);
    must(process_wait(START("run", t.store, "tag", "--pin", t.ids[0])), 0, "tag --pin");
    unsigned long clean = bytes_of(t.store);
    pid_t servers[2] = {serve(&ports[0], "served", t.store), serve(&ports[1], "right", t.reference)};
    for (int i = 0; i < 2; i++)
        client_connect(&clients[i], ports[i], true);
    while (process_seconds() < until || any_runs()) {
        unsigned file = (unsigned)process_random(CONTENTS), version = (unsigned)process_random(VERSIONS);

        for (enum job job = 0; job < JOBS; job++)
            poll_job(job, process_seconds() < until);
        if (!compare_file(&clients[0], &clients[1], 0, file))
            process_fail("the pinned snapshot does not answer");
        *(compare_file(&clients[0], &clients[1], version, file) ? &s.whole : &s.gone) += 1;
    }
    expect_whole();
    for (unsigned i = 0; i < s.others; i++)
        if (!is_listed(s.other_ids[i]))
            process_fail("%s was told and is gone", s.other_ids[i]);
    must(process_wait(START("run", t.store, "forget", "--keep-last", "1", "--namespace", "keep")), 0, "forget");
    for (unsigned i = 0; i < s.done[IMPORT_OTHER] + 1; i++) {
        char name[48];

        snprintf(name, sizeof name, "other/%u@latest", i);
        process_wait(START("run", t.store, "forget", name)); /* that may have been killed before it was there */
    }
    for (unsigned v = 1; v < VERSIONS; v++)
        process_wait(START("run", t.store, "forget", t.ids[v]));
    must(process_wait(START("run", t.store, "gc")), 0, "gc");
    expect_whole();
    for (unsigned file = 0; file < CONTENTS; file++)
        if (!compare_file(&clients[0], &clients[1], 0, file) || compare_file(&clients[0], &clients[1], 1, file))
            process_fail("another snapshot is there than should be");
    for (int i = 0; i < 2; i++) {
        client_close(&clients[i]);
        kill(servers[i], SIGTERM);
        must(process_wait(servers[i]), 0, "serve");
    }
    unsigned long end = bytes_of(t.store);
    if (end > clean + clean / 4)
        process_fail("%lu bytes are left of %lu", end, clean);
    print_message(
        "%u and %u imports, %u forget, %u gc, %u fsck, %u killed; %u files read of what came and went, %u gone\n",
        s.done[IMPORT_SAME], s.done[IMPORT_OTHER], s.done[FORGET], s.done[COLLECT], s.done[CHECK], s.killed, s.whole,
        s.gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_gc_leaves_a_whole_store),
        cmocka_unit_test(all_at_once),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
