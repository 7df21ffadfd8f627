/* kill -9 at $CONFUSE_KILLS (10) random instants of imports: of one alone, and of two beside a running server. After
 * each: the store opens, nothing that was printed is gone, fsck finds nothing; and importing again gives the same ids.
 *
 * The frames are made here; two other sources may be named instead (kill_images.sh does).
 *
 * The instants are spread over the measured time of a whole import, so that they hit reading, batches, large blobs and
 * publishing alike. A store that was interrupted is mostly used again, as it is in life.
 */
#include "tests/e2e/capture.h"
#include "tests/e2e/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define ID_DIGITS 32
#define ROUNDS_OF_A_STORE 6 /* after so many interruptions a store is completed and thrown away */

static const struct capture captures[] = {
    {.namespace = "kill/a", .files = 3000, .contents = 500, .large_each = 60},
    {.namespace = "kill/b", .version = 1, .files = 3000, .contents = 500, .large_each = 50},
};
#define SOURCES 2

static struct {
    char *store, *sources[SOURCES];
    char ids[SOURCES][ID_DIGITS + 1];
    double seconds; /* that an import takes, about */
    unsigned printed, published, interrupted;
} t;

static void write_frames(void)
{
    static const char *const names[SOURCES] = {"a.csv", "b.csv"};

    for (int i = 0; i < SOURCES; i++) {
        t.sources[i] = process_path(names[i]);
        FILE *file = fopen(t.sources[i], "w");
        if (!file)
            process_fail("%s", t.sources[i]);
        capture_write(file, &captures[i]);
        if (fclose(file) != 0)
            process_fail("%s", t.sources[i]);
    }
}

static pid_t start_import(const char *name, int source)
{
    return process_start(name, (const char *const[]){"--store", t.store, "import", t.sources[source], NULL});
}

/* What a finished or killed import printed: a whole line with the right id, or nothing. */
static bool has_printed(const char *name, int source)
{
    char *out = process_output(name, "out");
    bool whole = strchr(out, '\n') != NULL;

    if (whole && (strncmp(out, t.ids[source], ID_DIGITS) != 0 || out[ID_DIGITS] != ' '))
        process_fail("import of source %d printed %s instead of %s", source, out, t.ids[source]);
    free(out);
    return whole;
}

/* Is a source's snapshot listed? *missing: there is no store yet. */
static bool is_listed(int source, bool *missing)
{
    int code = process_run((const char *const[]){"--store", t.store, "log", NULL});
    char *out = process_output("run", "out"), *err = process_output("run", "err");
    bool listed = strstr(out, t.ids[source]) != NULL;

    *missing = code == 4 && strstr(err, "no store in ");
    if (code != 0 && !*missing)
        process_fail("confuse log ended with %d", code);
    free(out);
    free(err);
    return listed;
}

static void check_store(void)
{
    int code = process_run((const char *const[]){"--store", t.store, "fsck", NULL});

    if (code != 0)
        process_fail("confuse fsck ended with %d", code);
}

/* After an accident. Was the snapshot published? */
static bool check_source(const char *name, int source)
{
    bool missing, printed = has_printed(name, source), listed = is_listed(source, &missing);

    if (printed && !listed)
        process_fail("%s was printed and is gone", t.ids[source]);
    t.printed += printed;
    t.published += listed;
    if (!missing)
        check_store();
    return listed;
}

static void complete(int source)
{
    bool missing;
    int code = process_wait(start_import("again", source));

    if (code != 0 || !has_printed("again", source) || !is_listed(source, &missing))
        process_fail("importing source %d again ended with %d", source, code);
    check_store();
}

static void learn_ids(void)
{
    for (int i = 0; i < SOURCES; i++) {
        double began = process_seconds();
        int code = process_wait(start_import("run", i));
        char *out = process_output("run", "out");

        if (code != 0 || strlen(out) < ID_DIGITS)
            process_fail("a first import ended with %d", code);
        memcpy(t.ids[i], out, ID_DIGITS);
        if (i == 0)
            t.seconds = process_seconds() - began;
        free(out);
    }
    process_remove("store");
}

static void wait_random(void)
{
    process_sleep(t.seconds * (double)process_random(10000) / 10000);
}

/* How long an import takes depends on what else the machine does: follow it, so that three in four are interrupted. */
static void end(pid_t pid)
{
    bool ended = waitpid(pid, NULL, WNOHANG) == pid;

    t.seconds *= ended ? 0.85 : 1.05;
    if (ended)
        return;
    kill(pid, SIGKILL);
    t.interrupted += process_wait(pid) == 128 + SIGKILL;
}

static void kill_one(unsigned long kills)
{
    for (unsigned long i = 0; i < kills; i++) {
        pid_t pid = start_import("killed", 0);

        wait_random();
        end(pid);
        if (check_source("killed", 0) || i % ROUNDS_OF_A_STORE == ROUNDS_OF_A_STORE - 1) {
            complete(0);
            process_remove("store");
        }
    }
}

static pid_t start_server(void)
{
    pid_t pid = process_start("server", (const char *const[]){"--store", t.store, "serve", "--listen", "127.0.0.1:0",
                                                              "--portmap", "off", "--threads", "1", NULL});

    for (int i = 0; i < 1000; i++) {
        char *err = process_output("server", "err");
        bool listens = strstr(err, "listening") != NULL;

        free(err);
        if (listens)
            return pid;
        process_sleep(0.01);
    }
    process_fail("the server does not listen");
}

/* Import both at once, kill the first, the second or both; how many of them are published? */
static unsigned kill_some_of_two(void)
{
    static const char *const names[SOURCES] = {"killed-a", "killed-b"};
    unsigned long which = 1 + process_random(3);
    unsigned listed = 0;
    pid_t pids[SOURCES];

    for (int f = 0; f < SOURCES; f++)
        pids[f] = start_import(names[f], f);
    wait_random();
    for (int f = 0; f < SOURCES; f++)
        if (which & 1u << f)
            end(pids[f]);
    for (int f = 0; f < SOURCES; f++)
        if (!(which & 1u << f) && process_wait(pids[f]) != 0)
            process_fail("the import beside the killed one failed; see %s.err", names[f]);
    for (int f = 0; f < SOURCES; f++)
        listed += check_source(names[f], f);
    return listed;
}

static void kill_beside_a_server(unsigned long kills)
{
    pid_t server = 0;

    for (unsigned long i = 0; i < kills; i++) {
        if (!server)
            server = start_server();
        if (kill_some_of_two() < SOURCES && i % ROUNDS_OF_A_STORE != ROUNDS_OF_A_STORE - 1 && i + 1 < kills)
            continue;
        for (int f = 0; f < SOURCES; f++)
            complete(f);
        kill(server, SIGTERM);
        if (process_wait(server) != 0)
            process_fail("the server did not survive; see server.err");
        process_remove("store");
        server = 0;
    }
}

int main(int argc, char **argv)
{
    unsigned long kills = process_setting("CONFUSE_KILLS", 10);
    double began = process_seconds();

    t.store = process_path("store");
    for (int i = 0; i < SOURCES && argc == 1 + SOURCES; i++)
        t.sources[i] = strdup(argv[1 + i]);
    if (argc != 1 + SOURCES)
        write_frames();
    learn_ids();
    kill_one(kills - kills / 2);
    kill_beside_a_server(kills / 2);
    fprintf(stderr,
            "%lu kills in %.1f s (an import takes about %.2f s): %u interrupted, %u times published, %u printed\n",
            kills, process_seconds() - began, t.seconds, t.interrupted, t.published, t.printed);
    for (int i = 0; i < SOURCES; i++)
        free(t.sources[i]);
    free(t.store);
    process_remove(NULL);
    return 0;
}
