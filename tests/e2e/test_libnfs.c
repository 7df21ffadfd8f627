/* A client of somebody else's making, libnfs: it mounts, walks, reads, and is refused what it should be. */
#include "nfsd/renderings.h"
#include "tests/e2e/fixture.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <nfsc/libnfs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include <cmocka.h>

/* libnfs 4.0 keeps 24 bytes of a call that was refused. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnfs.so";
}

static struct server server;
static char id[33];
static struct fixture_image image;
static struct nfs_context *nfs;

static struct nfs_context *mount_as(const char *path, int uid)
{
    struct nfs_context *made = nfs_init_context();
    char text[256];

    snprintf(text, sizeof text, "nfs://127.0.0.1%s?version=3&nfsport=%u&mountport=%u&uid=%d&gid=%d", path, server.port,
             server.port, uid, uid);
    struct nfs_url *url = nfs_parse_url_dir(made, text);
    assert_non_null(url);
    if (nfs_mount(made, url->server, url->path) < 0)
        fail_msg("%s", nfs_get_error(made));
    nfs_destroy_url(url);
    return made;
}

static int set_up(void **state)
{
    const char *store = fixture_path("libnfs");
    char path[64];
    (void)state;

    snprintf(id, sizeof id, "%s", fixture_publish(store));
    fixture_publish_image(&image, store);
    server_start_with(&server, store, "insecure,cache=rw", RENDERINGS_BYTES_MAX);
    snprintf(path, sizeof path, "/snap/%s", id);
    nfs = mount_as(path, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    nfs_destroy_context(nfs);
    server_stop(&server);
    scratch_remove();
    return 0;
}

/* How many files are at and below a path; all attributes are looked at on the way. */
static unsigned count(struct nfs_context *context, const char *path)
{
    struct nfsdir *directory;
    struct nfsdirent *entry;
    unsigned found = 1;

    assert_int_equal(nfs_opendir(context, path, &directory), 0);
    while ((entry = nfs_readdir(context, directory))) {
        char below[600];

        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
            continue;
        assert_int_equal(entry->mtime.tv_sec, FIXTURE_MTIME / 1000000000);
        snprintf(below, sizeof below, "%s/%s", path, entry->name);
        found += S_ISDIR(entry->mode) ? count(context, below) : 1;
    }
    nfs_closedir(context, directory);
    return found;
}

static void a_walk_finds_all(void **state)
{
    (void)state;

    assert_int_equal(count(nfs, ""), FIXTURE_NODES);
}

static void contents_arrive(void **state)
{
    uint8_t *bytes = malloc(FIXTURE_BIG);
    struct nfsfh *fh;
    int got = 0, n;
    (void)state;

    assert_non_null(bytes);
    assert_int_equal(nfs_open(nfs, "/big", O_RDONLY, &fh), 0);
    while ((n = nfs_read(nfs, fh, 100000, bytes + got)) > 0)
        got += n;
    assert_int_equal(n, 0);
    assert_int_equal(got, FIXTURE_BIG);
    for (int i = 0; i < got; i++)
        assert_int_equal(bytes[i], fixture_byte((uint64_t)i));
    nfs_close(nfs, fh);
    free(bytes);
}

static void links_and_limits(void **state)
{
    struct statvfs limits;
    struct nfs_stat_64 status;
    char target[64];
    (void)state;

    assert_int_equal(nfs_readlink(nfs, "/link", target, sizeof target), 0);
    assert_string_equal(target, "etc/passwd");
    assert_int_equal(nfs_stat64(nfs, "/link", &status), 0); /* follows */
    assert_int_equal(status.nfs_size, strlen("root:x:0:0:root:/root:/bin/sh\n"));
    assert_int_equal(nfs_statvfs(nfs, "/", &limits), 0);
    assert_int_equal(limits.f_files, FIXTURE_NODES);
    assert_int_equal(limits.f_bavail, 0);
}

static void refusals_have_the_right_names(void **state)
{
    struct nfsfh *fh;
    (void)state;

    assert_int_equal(nfs_open(nfs, "/absent", O_RDONLY, &fh), -EACCES);
    assert_int_equal(nfs_open(nfs, "/none", O_RDONLY, &fh), -ENOENT);
    assert_int_equal(nfs_mkdir(nfs, "/new"), -EROFS);
    assert_int_equal(nfs_rmdir(nfs, "/empty"), -EROFS);
    assert_int_equal(nfs_unlink(nfs, "/etc/passwd"), -EROFS);
    assert_int_equal(nfs_rename(nfs, "/etc/passwd", "/moved"), -EROFS);
    assert_int_equal(nfs_link(nfs, "/etc/passwd", "/linked"), -EROFS);
    assert_int_equal(nfs_symlink(nfs, "target", "/symlink"), -EROFS);
    assert_int_equal(nfs_chmod(nfs, "/etc/passwd", 0600), -EROFS);
    assert_int_equal(nfs_creat(nfs, "/created", 0600, &fh), -EROFS);
}

static void others_see_what_modes_let_them(void **state)
{
    char path[64];
    struct nfsdir *directory;
    struct nfsfh *fh;
    (void)state;

    snprintf(path, sizeof path, "/snap/%s", id);
    struct nfs_context *other = mount_as(path, 7);
    assert_int_equal(nfs_open(other, "/etc/passwd", O_RDONLY, &fh), 0);
    nfs_close(other, fh);
    assert_int_equal(nfs_open(other, "/etc/shadow", O_RDONLY, &fh), -EACCES);
    assert_int_equal(nfs_open(other, "/home/mine", O_RDONLY, &fh), -EACCES);
    assert_int_equal(nfs_opendir(other, "/home", &directory), -EACCES);
    nfs_destroy_context(other);
}

static void the_top_leads_into_snapshots(void **state)
{
    struct nfs_context *top = mount_as("/", 0);
    char path[64];
    (void)state;

    snprintf(path, sizeof path, "/snap/%s/etc", id);
    assert_int_equal(count(top, path), 4);
    nfs_destroy_context(top);
}

/* All layers and chains of an image, from the top and mounted, below too. */
static void layers_and_chains_are_walked(void **state)
{
    static const char *const kinds[] = {"/layer", "/chain"};
    struct nfs_context *top = mount_as("/", 0);
    char path[128];
    (void)state;

    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned i = 0; i < FIXTURE_LAYERS; i++) {
            unsigned expected = 1;

            for (const struct fixture_path *each = fixture_image_paths; each->path; each++)
                expected += (each->in & (kind ? FIXTURE_IN_CHAIN(i) : FIXTURE_IN_LAYER(i))) != 0;
            snprintf(path, sizeof path, "%s/%s", kinds[kind], kind ? image.chain[i] : image.layer[i]);
            assert_int_equal(count(top, path), expected);
            struct nfs_context *mounted = mount_as(path, 0);
            assert_int_equal(count(mounted, ""), expected);
            nfs_destroy_context(mounted);
        }
    }
    snprintf(path, sizeof path, "/chain/%s/etc", image.chain[2]);
    struct nfs_context *below = mount_as(path, 0);
    assert_int_equal(count(below, ""), 2);
    nfs_destroy_context(below);
    nfs_destroy_context(top);
}

/* "/at": through its links into a version, and mounted by them. From "/" libnfs 4.0 would take "/at" for an export that
 * it has to mount by itself, and loses that name where it follows a link. */
static void histories_are_walked(void **state)
{
    static const char *const ways[] = {"latest", "2023-11", "2023-11-14T23:13:20.5+01:00"};
    struct nfs_context *history, *mounted, *snapshot;
    struct nfs_stat_64 stat;
    char target[64], path[128];
    (void)state;

    history = mount_as("/at/registry:5000/test/image", 0);
    snprintf(path, sizeof path, "/snap/%s", image.snapshot);
    snapshot = mount_as(path, 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(path, sizeof path, "/%s", ways[i]);
        assert_int_equal(nfs_readlink(history, path, target, sizeof target), 0);
        assert_string_equal(target, "2023-11-14T22:13:20.123456789Z");
        snprintf(path, sizeof path, "/%s/opt/program", ways[i]);
        assert_int_equal(nfs_stat64(history, path, &stat), 0);
        assert_int_equal(stat.nfs_size, strlen("program"));
    }
    mounted = mount_as("/at/registry:5000/test/image/latest", 0);
    assert_int_equal(count(mounted, ""), count(snapshot, ""));
    assert_int_equal(nfs_readlink(history, "/2022", target, sizeof target), -ENOENT);
    nfs_destroy_context(mounted);
    nfs_destroy_context(snapshot);
    nfs_destroy_context(history);
}

/* A file that is made on demand: libnfs hands JUKEBOX to the program, which asks again (Linux does so itself). */
static void what_is_being_made_is_asked_for_again(void **state)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    char path[64], line[16] = "";
    struct server served = server;
    struct nfs_context *meta;
    struct nfsfh *file;
    int opened, tries = 0;
    (void)state;

    server_start_with(&server, fixture_path("libnfs"), "insecure,meta", RENDERINGS_BYTES_MAX);
    snprintf(path, sizeof path, "/meta/%s", id);
    meta = mount_as(path, 0);
    while ((opened = nfs_open(meta, "/manifest.jsonl", O_RDONLY, &file)) != 0) {
        assert_int_equal(opened, -EAGAIN);
        assert_true(tries++ < 1000);
        nanosleep(&pause, NULL);
    }
    assert_int_equal(nfs_read(meta, file, 12, line), 12);
    assert_memory_equal(line, "{\"path\":\"/\",", 12);
    nfs_close(meta, file);
    nfs_destroy_context(meta);
    server_stop(&server);
    server = served;
}

static uint8_t two_megabytes[2 << 20];

/* As a scanner's node does it: claim, write aside, rename; and what it is refused. */
static void verdicts_are_written(void **state)
{
    struct nfs_context *cache = mount_as("/cache", 0), *other = mount_as("/cache", 0);
    struct nfs_stat_64 st;
    struct nfsfh *fh;
    char verdict[80], claim[88], text[8];
    (void)state;

    snprintf(verdict, sizeof verdict, "/clamav-1/%064x", 1);
    snprintf(claim, sizeof claim, "%s.claim", verdict);
    assert_int_equal(nfs_mkdir(cache, "/clamav-1"), 0);
    assert_int_equal(nfs_open2(cache, claim, O_CREAT | O_EXCL | O_WRONLY, 0644, &fh), 0);
    nfs_close(cache, fh);
    assert_int_equal(nfs_open2(other, claim, O_CREAT | O_EXCL | O_WRONLY, 0644, &fh), -EEXIST);
    assert_int_equal(nfs_unlink(other, claim), -EACCES);
    assert_int_equal(nfs_creat(cache, "/clamav-1/x.tmp", 0644, &fh), 0);
    assert_int_equal(nfs_write(cache, fh, 5, "clean"), 5);
    assert_int_equal(nfs_fsync(cache, fh), 0);
    nfs_close(cache, fh);
    assert_int_equal(nfs_rename(cache, "/clamav-1/x.tmp", verdict), 0);
    assert_int_equal(nfs_stat64(other, claim, &st), -ENOENT);
    assert_int_equal(nfs_open(other, verdict, O_RDONLY, &fh), 0);
    assert_int_equal(nfs_read(other, fh, sizeof text, text), 5);
    assert_memory_equal(text, "clean", 5);
    nfs_close(other, fh);
    assert_int_equal(nfs_creat(cache, "/clamav-1/y.tmp", 0644, &fh), 0);
    assert_true(nfs_pwrite(cache, fh, 1 << 20, 1 << 20, two_megabytes) < 0);
    nfs_close(cache, fh);
    assert_int_equal(nfs_unlink(cache, "/clamav-1/y.tmp"), 0);
    assert_int_equal(nfs_creat(cache, "/clamav-1/verdict", 0644, &fh), -EINVAL);
    assert_int_equal(nfs_unlink(cache, verdict), 0);
    assert_int_equal(nfs_rmdir(cache, "/clamav-1"), 0);
    nfs_destroy_context(cache);
    nfs_destroy_context(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_finds_all),
        cmocka_unit_test(contents_arrive),
        cmocka_unit_test(links_and_limits),
        cmocka_unit_test(refusals_have_the_right_names),
        cmocka_unit_test(others_see_what_modes_let_them),
        cmocka_unit_test(the_top_leads_into_snapshots),
        cmocka_unit_test(layers_and_chains_are_walked),
        cmocka_unit_test(histories_are_walked),
        cmocka_unit_test(what_is_being_made_is_asked_for_again),
        cmocka_unit_test(verdicts_are_written),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
