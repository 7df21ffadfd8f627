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

#define ASIDE_PREFIX "new" /* no prefix of a digest, so no directory is called so */

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

int blob_files_keep(struct blob_large *all, size_t count, struct store *store, struct error *err)
{
    const struct blob_large *first;
    int result = store_flush(store, err);

    if (result < 0 || count_files(&first, all, count) == 0)
        return result;
    result = sync_contents(all, count);
    for (size_t i = 0; i < count && result == 0; i++)
        if (all[i].file.fd >= 0)
            result = name_file(&all[i].file, &all[i].digest);
    if (result == 0)
        result = sync_names(all, count, store);
    return blob_file_failed(store, result, err);
}
