/* The real frame, or the project's own sample where that is not at hand: imported by the program, served by a real
 * server, and every file record compared with what libnfs gets, field by field. The frame is read here by jansson, not
 * by our reader. */
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <nfsc/libnfs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* libnfs 4.0 keeps 24 bytes of a call that was refused. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnfs.so";
}

static struct server server;
static struct nfs_context *nfs;
static json_t *contents; /* path to content, of the config records */
static FILE *frame;

static const char *frame_path(void)
{
    static const char *const places[] = {"/../shared/frames/nadgowdas-testframe.sample.fa44d5881ec8.0",
                                         "/samples/web-1.frame"};
    static char path[4096];
    const char *srcdir = getenv("srcdir");

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s%s", srcdir ? srcdir : ".", places[i]);
        if (access(path, R_OK) == 0)
            break;
    }
    return path;
}

/* The value of a line's record if it is of this type. */
static json_t *record(const char *line, const char *type)
{
    size_t size = strlen(type);
    const char *value = strncmp(line, type, size) == 0 && line[size] == '\t' ? strchr(line + size + 1, '\t') : NULL;

    return value ? json_loads(value + 1, JSON_ALLOW_NUL, NULL) : NULL;
}

static const char *text(const json_t *record_value, const char *name)
{
    return json_string_value(json_object_get(record_value, name));
}

static uint64_t number(const json_t *record_value, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(record_value, name));
}

static int each_record(const char *type, void (*visit)(const json_t *value))
{
    char *line = NULL;
    size_t room = 0;
    int count = 0;

    rewind(frame);
    while (getline(&line, &room, frame) > 0) {
        json_t *value = record(line, type);

        if (value) {
            visit(value);
            count++;
        }
        json_decref(value);
    }
    free(line);
    return count;
}

static void remember_content(const json_t *value)
{
    json_object_set(contents, text(value, "path"), json_object_get(value, "content"));
}

/* By the program that was built, as everybody does it. */
static void import(char id[33], const char *store)
{
    const char *program = getenv("CONFUSE");
    char command[9000];

    snprintf(command, sizeof command, "'%s' --store '%s' import --no-veneer '%s'", program ? program : "./confuse",
             store, frame_path());
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(id, 1, 32, pipe), 32);
    id[32] = '\0';
    while (fgetc(pipe) != EOF)
        continue;
    assert_int_equal(pclose(pipe), 0);
}

static int set_up(void **state)
{
    char store[256], id[33], url_text[256];
    (void)state;

    frame = fopen(frame_path(), "r");
    assert_non_null(frame);
    contents = json_object();
    each_record("config", remember_content);
    snprintf(store, sizeof store, "%s", fixture_path("real"));
    import(id, store);
    server_start(&server, store);
    nfs = nfs_init_context();
    snprintf(url_text, sizeof url_text, "nfs://127.0.0.1/snap/%s?version=3&nfsport=%u&mountport=%u&uid=0&gid=0", id,
             server.port, server.port);
    struct nfs_url *url = nfs_parse_url_dir(nfs, url_text);
    assert_non_null(url);
    assert_int_equal(nfs_mount(nfs, url->server, url->path), 0);
    nfs_destroy_url(url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nfs_destroy_context(nfs);
    server_stop(&server);
    json_decref(contents);
    fclose(frame);
    scratch_remove();
    return 0;
}

/* Contents that a config record holds are there to the byte; of other files only empty ones can be read. */
static void compare_content(const char *path, uint64_t size)
{
    const json_t *content = json_object_get(contents, path);
    uint64_t length = content ? json_string_length(content) : 0;
    struct nfsfh *fh;
    char *bytes;

    if (!content && size > 0) {
        assert_int_equal(nfs_open(nfs, path, O_RDONLY, &fh), -EACCES);
        return;
    }
    bytes = malloc(length + 1);
    assert_non_null(bytes);
    assert_int_equal(nfs_open(nfs, path, O_RDONLY, &fh), 0);
    assert_int_equal(nfs_pread(nfs, fh, 0, length + 1, bytes), length);
    if (content)
        assert_memory_equal(bytes, json_string_value(content), length);
    nfs_close(nfs, fh);
    free(bytes);
}

static void compare_file(const json_t *value)
{
    const char *path = text(value, "path"), *target = text(value, "linksto");
    double mtime = json_real_value(json_object_get(value, "mtime"));
    const json_t *content = json_object_get(contents, path);
    struct nfs_stat_64 status;
    char got[4096];

    if (nfs_lstat64(nfs, path, &status) != 0)
        fail_msg("%s: %s", path, nfs_get_error(nfs));
    assert_int_equal(status.nfs_mode, number(value, "mode"));
    assert_int_equal(status.nfs_uid, number(value, "uid"));
    assert_int_equal(status.nfs_gid, number(value, "gid"));
    if (!S_ISDIR(status.nfs_mode))
        assert_int_equal(status.nfs_size, content ? json_string_length(content) : number(value, "size"));
    /* A double holds these times to a quarter of a microsecond. */
    assert_true(fabs((double)status.nfs_mtime + (double)status.nfs_mtime_nsec / 1e9 - mtime) < 1e-6);
    if (target) {
        assert_int_equal(nfs_readlink(nfs, path, got, sizeof got), 0);
        assert_string_equal(got, target);
    }
    if (S_ISREG(status.nfs_mode))
        compare_content(path, number(value, "size"));
}

static void every_record_comes_back(void **state)
{
    (void)state;

    int count = each_record("file", compare_file);
    print_message("%d file records compared\n", count);
    assert_true(count == 6022 || strstr(frame_path(), "samples"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_record_comes_back)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
