/* compare_tree.c - `compare_tree PORT EXPORT DIRECTORY [part]`: is what is served what lstat and read see?
 *
 * Walks DIRECTORY and asks the server on 127.0.0.1 for each path: type, mode, owner, size (not of directories), mtime,
 * nlink, device, link target, content; for what else its directories list; and whether those names are one file there
 * that are one here. A difference is a line on standard output, and exit status 1. It prints how many files were
 * compared. With "part" DIRECTORY lacks some names of what is served, so link counts are not compared.
 */
#include "tests/e2e/nfs_calls.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#define PIECE 65536u /* bytes read at once, and of a listing */

static struct client client;
static struct fh root;
static size_t root_size; /* of the directory's own name */
static unsigned long differences;
static bool is_part;

/* Each path with what its file goes by here and there. */
static struct node {
    char *path;
    dev_t device;
    ino_t inode;
    uint64_t fileid;
} * nodes;
static size_t compared, room;

static void differs(const char *path, const char *what, uint64_t expected, uint64_t got)
{
    printf("%s: %s is %llu, expected %llu\n", path, what, (unsigned long long)got, (unsigned long long)expected);
    differences++;
}

static void expect(const char *path, const char *what, uint64_t expected, uint64_t got)
{
    if (expected != got)
        differs(path, what, expected, got);
}

/* RFC 1813's ftype3 of a mode. */
static uint32_t type_of(mode_t mode)
{
    static const mode_t types[] = {0, S_IFREG, S_IFDIR, S_IFBLK, S_IFCHR, S_IFLNK, S_IFSOCK, S_IFIFO};

    for (uint32_t type = 1; type < sizeof types / sizeof *types; type++)
        if ((mode & S_IFMT) == types[type])
            return type;
    return 0;
}

/* False: there is no such file. */
static bool find(struct fh *fh, const char *path)
{
    *fh = root;
    while (*path) {
        struct fh above = *fh;
        size_t size = strcspn(path, "/");

        if (size && call_lookup(fh, NULL, &client, &above, path, size) != OK)
            return false;
        path += size + (path[size] == '/');
    }
    return true;
}

static int by_inode(const void *left, const void *right)
{
    const struct node *a = left, *b = right;

    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return (a->inode > b->inode) - (a->inode < b->inode);
}

static int by_fileid(const void *left, const void *right)
{
    const struct node *a = left, *b = right;

    return (a->fileid > b->fileid) - (a->fileid < b->fileid);
}

/* The names of one file here are those of one file there, and the other way round. */
static void compare_names(void)
{
    qsort(nodes, compared, sizeof *nodes, by_inode);
    for (size_t i = 1; i < compared; i++)
        if (by_inode(&nodes[i - 1], &nodes[i]) == 0)
            expect(nodes[i].path, "the fileid that its other name has", nodes[i - 1].fileid, nodes[i].fileid);
    qsort(nodes, compared, sizeof *nodes, by_fileid);
    for (size_t i = 1; i < compared; i++)
        if (nodes[i - 1].fileid == nodes[i].fileid && by_inode(&nodes[i - 1], &nodes[i]) != 0) {
            printf("%s: has the fileid of another file, %s\n", nodes[i].path, nodes[i - 1].path);
            differences++;
        }
}

static void remember(const char *path, const struct stat *st)
{
    if (compared == room) {
        room = room ? 2 * room : 1024;
        nodes = realloc(nodes, room * sizeof *nodes);
    }
    char *copy = nodes ? strdup(path) : NULL;
    if (!copy) {
        perror("compare_tree");
        exit(2);
    }
    nodes[compared++] = (struct node){copy, st->st_dev, st->st_ino, 0};
}

static void compare_attributes(const char *path, const struct stat *st, const struct fh *fh)
{
    struct attr a;

    if (call_getattr(&a, &client, fh) != OK) {
        differs(path, "GETATTR", OK, 1);
        return;
    }
    expect(path, "the type", type_of(st->st_mode), a.type);
    expect(path, "the mode", st->st_mode & 07777, a.mode);
    expect(path, "the uid", st->st_uid, a.uid);
    expect(path, "the gid", st->st_gid, a.gid);
    expect(path, "the mtime", (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec, a.mtime);
    if (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode))
        expect(path, "the size", (uint64_t)st->st_size, a.size);
    if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
        expect(path, "the major number", major(st->st_rdev), a.major);
        expect(path, "the minor number", minor(st->st_rdev), a.minor);
    }
    /* Some file systems do not count subdirectories. */
    if (!is_part && (!S_ISDIR(st->st_mode) || st->st_nlink > 1))
        expect(path, "nlink", st->st_nlink, a.nlink);
    nodes[compared - 1].fileid = a.fileid;
}

static void compare_target(const char *path, const struct fh *fh)
{
    char target[4096];
    ssize_t size = readlink(path, target, sizeof target);
    struct attr unused;
    uint32_t got_size;

    if (call_nfs(&client, READLINK, fh, NULL) != OK) {
        differs(path, "READLINK", OK, 1);
        return;
    }
    read_post_op(&unused, &client);
    const uint8_t *got = client_opaque(&got_size, &client);
    if (size != (ssize_t)got_size || memcmp(got, target, got_size) != 0) {
        printf("%s: the target is %.*s, expected %.*s\n", path, (int)got_size, (const char *)got, (int)size, target);
        differences++;
    }
}

static void compare_content(const char *path, const struct fh *fh)
{
    cleanup_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    uint8_t expected[PIECE];
    bool eof = false;

    for (uint64_t at = 0; !eof;) {
        const uint8_t *got;
        uint32_t count;
        ssize_t size = pread(fd, expected, sizeof expected, (off_t)at);

        if (size < 0 || call_read(&got, &count, &eof, &client, fh, at, PIECE) != OK) {
            differs(path, "READ at this offset fails;", at, at);
            return;
        }
        if ((ssize_t)count > size || memcmp(got, expected, count) != 0 || (count == 0 && !eof)) {
            differs(path, "the content differs at or after;", at, at);
            return;
        }
        at += count;
    }
}

/* A name that is listed there has to be here. */
static void compare_name(const char *directory, const uint8_t *name, uint32_t size)
{
    char path[PATH_MAX];
    struct stat st;

    snprintf(path, sizeof path, "%s/%.*s", directory, (int)size, (const char *)name);
    if (lstat(path, &st) == 0)
        return;
    printf("%s: is there, expected nothing\n", path);
    differences++;
}

static uint32_t call_readdir(const struct fh *fh, uint64_t cookie, uint64_t verifier)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};

    buffer_add_be64(&args, cookie);
    buffer_add_be64(&args, verifier);
    buffer_add_be32(&args, PIECE);
    return call_nfs(&client, READDIR, fh, &args);
}

static void compare_listing(const char *path, const struct fh *fh)
{
    uint64_t cookie = 0, verifier = 0;
    bool eof = false;

    while (!eof) {
        uint64_t before = cookie;
        struct attr unused;

        if (call_readdir(fh, cookie, verifier) != OK) {
            differs(path, "READDIR", OK, 1);
            return;
        }
        read_post_op(&unused, &client);
        verifier = client_u64(&client);
        while (client_u32(&client)) {
            uint32_t size;

            client_u64(&client);
            const uint8_t *name = client_opaque(&size, &client);
            compare_name(path, name, size);
            cookie = client_u64(&client);
        }
        eof = client_u32(&client);
        if (!eof && cookie <= before) {
            differs(path, "READDIR, which does not go on,", OK, 1);
            return;
        }
    }
}

static int compare(const char *path, const struct stat *st, int type, struct FTW *where)
{
    struct fh fh;
    (void)type, (void)where;

    remember(path, st);
    if (!find(&fh, path + root_size)) {
        printf("%s: is not there\n", path);
        differences++;
        free(nodes[--compared].path);
        return 0;
    }
    compare_attributes(path, st, &fh);
    if (S_ISLNK(st->st_mode))
        compare_target(path, &fh);
    if (S_ISREG(st->st_mode))
        compare_content(path, &fh);
    if (S_ISDIR(st->st_mode))
        compare_listing(path, &fh);
    return 0;
}

int main(int argc, char **argv)
{
    is_part = argc == 5 && strcmp(argv[4], "part") == 0;
    if (argc != 4 && !is_part) {
        fprintf(stderr, "usage: compare_tree PORT EXPORT DIRECTORY [part]\n");
        return 2;
    }
    client_connect(&client, (uint16_t)atoi(argv[1]), true);
    if (call_mount(&root, &client, argv[2]) != OK) {
        fprintf(stderr, "%s cannot be mounted\n", argv[2]);
        return 2;
    }
    root_size = strlen(argv[3]);
    if (nftw(argv[3], compare, 64, FTW_PHYS) != 0) {
        perror(argv[3]);
        return 2;
    }
    client_close(&client);
    compare_names();
    printf("%zu files, %lu differences\n", compared, differences);
    return differences ? 1 : 0;
}
