/* compare_tree.c - `compare_tree PORT EXPORT DIRECTORY`: is what is served what lstat and read see?
 *
 * Walks DIRECTORY and asks the server on 127.0.0.1 for each path: type, mode, owner, size (not of directories), mtime,
 * nlink, device, link target, content; and that the names of one file are one file. A difference is a line on standard
 * output, and exit status 1. It prints how many files were compared.
 */
#include "tests/e2e/nfs_calls.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#define PIECE 65536u /* bytes read at once */
#define LINKS_MAX 100000

static struct client client;
static struct fh root;
static size_t root_size; /* of the directory's own name */
static unsigned long compared, differences;
static struct linked {
    dev_t device;
    ino_t inode;
    uint64_t fileid;
} links[LINKS_MAX];
static size_t linked;

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

static void compare_links(const char *path, const struct stat *st, uint64_t fileid)
{
    for (size_t i = 0; i < linked; i++)
        if (links[i].device == st->st_dev && links[i].inode == st->st_ino) {
            expect(path, "the fileid that its other name has", links[i].fileid, fileid);
            return;
        }
    if (linked < LINKS_MAX)
        links[linked++] = (struct linked){st->st_dev, st->st_ino, fileid};
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
    if (!S_ISDIR(st->st_mode))
        expect(path, "nlink", st->st_nlink, a.nlink);
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
        compare_links(path, st, a.fileid);
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
    if (size != (ssize_t)got_size || memcmp(got, target, got_size) != 0)
        differs(path, "the target's size", (uint64_t)size, got_size);
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

static int compare(const char *path, const struct stat *st, int type, struct FTW *where)
{
    struct fh fh;
    (void)type, (void)where;

    compared++;
    if (!find(&fh, path + root_size)) {
        printf("%s: is not there\n", path);
        differences++;
        return 0;
    }
    compare_attributes(path, st, &fh);
    if (S_ISLNK(st->st_mode))
        compare_target(path, &fh);
    if (S_ISREG(st->st_mode))
        compare_content(path, &fh);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: compare_tree PORT EXPORT DIRECTORY\n");
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
    printf("%lu files, %lu differences\n", compared, differences);
    return differences ? 1 : 0;
}
