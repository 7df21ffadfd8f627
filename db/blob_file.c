/* blob_file.c - large contents: written aside, synced, renamed. */
#include "db/blob_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "db/sql.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#define COLLECT_AT_ONCE 256 /* files unlinked in one transaction */
#define ASIDE_PREFIX "new"  /* no prefix of a digest, so no directory is called so */

int blob_file_failed(struct store *store, int result, struct error *err)
{
    return result < 0 ? error_system(err, -result, "cannot write a blob into %s", store->directory) : 0;
}

void blob_path(char out[BLOB_PATH_SIZE], const struct digest *digest)
{
    char hex[DIGEST_HEX_SIZE];

    hex_encode(hex, digest->bytes, DIGEST_SIZE);
    snprintf(out, BLOB_PATH_SIZE, "blobs/%.2s/%s", hex, hex);
}

/* --- Beginning ---------------------------------------------------------------------------------------------------- */

static int sync_directory(struct store *store, const char *path)
{
    cleanup_close int fd = openat(store->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* All of blobs/ab at once, since one sync covers them. Whoever made them may have been killed before he synced, so each
 * connection does that once; before a batch, where it keeps nobody waiting. */
static int make_directories(struct store *store)
{
    char path[sizeof "blobs/ab"];

    for (unsigned prefix = 0; prefix < 256; prefix++) {
        snprintf(path, sizeof path, "blobs/%02x", prefix);
        if (mkdirat(store->directory_fd, path, 0700) < 0 && errno != EEXIST)
            return -errno;
    }
    return sync_directory(store, "blobs");
}

/* Unlink a file aside if its writer lives no more. Names never come twice, so what is locked here is what was listed,
 * or has been renamed meanwhile and has no such name. */
static void sweep_file(int directory, const char *name)
{
    cleanup_close int fd = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(directory, name, 0);
}

/* What killed writers left; once per connection. A failure costs room, nothing else. */
static void sweep(struct store *store)
{
    int fd = openat(store->directory_fd, "blobs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);

    if (!directory && fd >= 0)
        close(fd);
    if (!directory)
        return;
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (strncmp(entry->d_name, ASIDE_PREFIX, sizeof ASIDE_PREFIX - 1) == 0)
            sweep_file(fd, entry->d_name);
    closedir(directory);
}

/* Between making and locking, somebody may have taken it for a dead writer's: then it has no name any more (1). */
static int make_aside(struct blob_file *file)
{
    uint64_t number;
    struct stat st;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return -errno;
    snprintf(file->aside, sizeof file->aside, "blobs/" ASIDE_PREFIX "-%016llx", (unsigned long long)number);
    file->fd = openat(file->store->directory_fd, file->aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (file->fd < 0)
        return -errno;
    while (flock(file->fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return -errno;
    if (fstat(file->fd, &st) < 0)
        return -errno;
    return st.st_nlink == 0;
}

int blob_files_prepare(struct store *store, struct error *err)
{
    if (store->began_files)
        return 0;
    int result = store_flush(store, err);
    if (result < 0)
        return result;
    sweep(store);
    result = make_directories(store);
    store->began_files = result == 0;
    return blob_file_failed(store, result, err);
}

int blob_file_begin(struct blob_file *file, struct store *store)
{
    int result;

    *file = (struct blob_file){.store = store, .fd = -1};
    while ((result = make_aside(file)) == 1)
        close(file->fd);
    if (result < 0)
        blob_file_drop(file);
    return result;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static bool is_zero(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, BLOB_FILE_BLOCK - 1) == 0;
}

/* How many bytes from here on are whole blocks that are all zero, or all not. */
static size_t measure_run(bool *zero, const uint8_t *bytes, size_t size)
{
    size_t run = 0;

    *zero = size >= BLOB_FILE_BLOCK && is_zero(bytes);
    while (size - run >= BLOB_FILE_BLOCK && is_zero(bytes + run) == *zero)
        run += BLOB_FILE_BLOCK;
    return size - run < BLOB_FILE_BLOCK && !*zero ? size : run;
}

int blob_file_write(struct blob_file *file, const void *bytes, size_t size)
{
    int result = 0;

    for (size_t at = 0, run; at < size && result == 0; at += run) {
        const uint8_t *from = (const uint8_t *)bytes + at;
        bool zero;

        run = measure_run(&zero, from, size - at);
        if (!zero)
            result = file_write_all(file->fd, from, run, file->size + at);
    }
    file->size += size;
    return result;
}

int blob_file_seal(struct blob_file *file)
{
    /* It may end in a hole. */
    if (ftruncate(file->fd, (off_t)file->size) < 0)
        return -errno;
    sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* what fails shows at the sync */
    return 0;
}

int blob_file_write_whole(struct blob_file *file, struct store *store, const void *bytes, size_t size)
{
    int result = blob_file_begin(file, store);

    if (result == 0)
        result = blob_file_write(file, bytes, size);
    return result == 0 ? blob_file_seal(file) : result;
}

void blob_file_drop(struct blob_file *file)
{
    if (file->fd < 0)
        return;
    if (*file->aside)
        unlinkat(file->store->directory_fd, file->aside, 0);
    close(file->fd);
    file->fd = -1;
}

/* --- Naming ------------------------------------------------------------------------------------------------------- */

static size_t count_files(const struct blob_large **first, const struct blob_large *all, size_t count)
{
    size_t files = 0;

    for (size_t i = count; i-- > 0;)
        if (all[i].file.fd >= 0) {
            *first = &all[i];
            files++;
        }
    return files;
}

/* One file by itself; more of them by one sync of the file system that they are on, which before Linux 5.8 does not
 * tell of writes that failed: the files do. */
static int sync_contents(const struct blob_large *all, size_t count)
{
    const struct blob_large *first = NULL;

    if (count_files(&first, all, count) == 1)
        return fsync(first->file.fd) < 0 ? -errno : 0;
    if (syncfs(first->file.fd) < 0)
        return -errno;
    for (size_t i = 0; i < count; i++)
        if (all[i].file.fd >= 0 && sync_file_range(all[i].file.fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) < 0)
            return -errno;
    return 0;
}

static int sync_names(const struct blob_large *all, size_t count, struct store *store)
{
    const struct blob_large *first = NULL;
    char path[BLOB_PATH_SIZE];

    if (count_files(&first, all, count) != 1)
        return syncfs(first->file.fd) < 0 ? -errno : 0;
    blob_path(path, &first->digest);
    path[sizeof "blobs/ab" - 1] = '\0';
    return sync_directory(store, path);
}

/* A crash leaves the whole file or none of that name. */
static int name_file(struct blob_file *file, const struct digest *digest)
{
    int directory = file->store->directory_fd;
    char path[BLOB_PATH_SIZE];

    blob_path(path, digest);
    if (renameat(directory, file->aside, directory, path) < 0)
        return -errno;
    *file->aside = '\0';
    return 0;
}

/* gc looks whether a file may go, and unlinks it, under the write lock: so no name comes between. */
static int name_files(struct blob_large *all, size_t count, struct store *store, struct error *err)
{
    int result = sql_batch_begin(store, err), named = 0;

    if (result < 0)
        return result;
    for (size_t i = 0; i < count && named == 0; i++)
        if (all[i].file.fd >= 0)
            named = name_file(&all[i].file, &all[i].digest);
    result = store_flush(store, err);
    return named < 0 ? blob_file_failed(store, named, err) : result;
}

int blob_files_keep(struct blob_large *all, size_t count, struct store *store, struct error *err)
{
    const struct blob_large *first;
    int result = store_flush(store, err);

    if (result < 0 || count_files(&first, all, count) == 0)
        return result;
    result = blob_file_failed(store, sync_contents(all, count), err);
    if (result == 0)
        result = name_files(all, count, store, err);
    return result < 0 ? result : blob_file_failed(store, sync_names(all, count, store), err);
}

/* --- Collecting --------------------------------------------------------------------------------------------------- */

struct rowless {
    struct store *store;
    int (*removed)(void *arg, uint64_t bytes);
    void *arg;
    struct digest digests[COLLECT_AT_ONCE];
    size_t count;
    struct error *err;
};

/* Inside a batch. A file that is locked is a writer's, who is about to give it its row. */
static int collect_file(const struct rowless *all, const struct digest *digest)
{
    struct store *store = all->store;
    char path[BLOB_PATH_SIZE];
    struct stat st;
    int64_t id;
    int result = blob_lookup(&id, store, digest, all->err);

    blob_path(path, digest);
    cleanup_close int fd =
        result == 0 ? openat(store->directory_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
        return result < 0 ? result : 0;
    if (unlinkat(store->directory_fd, path, 0) < 0)
        return error_system(all->err, errno, "cannot remove %s/%s", store->directory, path);
    return all->removed(all->arg, (uint64_t)st.st_blocks * 512);
}

static int collect_listed(struct rowless *all)
{
    int result = all->count ? sql_batch_begin(all->store, all->err) : 0;

    for (size_t i = 0; i < all->count && result >= 0; i++)
        result = collect_file(all, &all->digests[i]);
    all->count = 0;
    return result < 0 ? result : store_flush(all->store, all->err);
}

/* Most files have a row, and looking takes no lock. */
static int list_file(struct rowless *all, const char *name)
{
    struct digest *digest = &all->digests[all->count];
    int64_t id;

    if (!hex_decode(digest->bytes, DIGEST_SIZE, name, strlen(name)))
        return 0;
    int found = blob_lookup(&id, all->store, digest, all->err);
    if (found != 0)
        return found < 0 ? found : 0;
    all->count++;
    return all->count == COLLECT_AT_ONCE ? collect_listed(all) : 0;
}

static int collect_prefix(struct rowless *all, unsigned prefix)
{
    char path[sizeof "blobs/ab"];
    int result = 0;

    snprintf(path, sizeof path, "blobs/%02x", prefix);
    int fd = openat(all->store->directory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_system(all->err, errno, "%s/%s", all->store->directory, path);
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return error_system(all->err, ENOMEM, "%s/%s", all->store->directory, path);
    }
    for (const struct dirent *entry; result == 0 && (entry = readdir(directory));)
        result = list_file(all, entry->d_name);
    closedir(directory);
    return result < 0 ? result : collect_listed(all);
}

int blob_files_collect(struct store *store, int (*removed)(void *arg, uint64_t bytes), void *arg, struct error *err)
{
    struct rowless all = {.store = store, .removed = removed, .arg = arg, .err = err};
    int result = 0;

    sweep(store);
    for (unsigned prefix = 0; prefix < 256 && result == 0; prefix++)
        result = collect_prefix(&all, prefix);
    return result;
}
