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

static int failed(struct store *store, int errnum, struct error *err)
{
    return error_system(err, errnum, "cannot write a blob into %s", store->directory);
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

int blob_file_begin(struct blob_file *file, struct store *store, struct error *err)
{
    int result = store_flush(store, err);

    *file = (struct blob_file){.store = store, .fd = -1};
    if (result < 0)
        return result;
    if (!store->began_files) {
        sweep(store);
        result = make_directories(store);
        if (result < 0)
            return failed(store, -result, err);
        store->began_files = true;
    }
    while ((result = make_aside(file)) == 1)
        close(file->fd);
    if (result == 0)
        return 0;
    blob_file_drop(file);
    return failed(store, -result, err);
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

int blob_file_write(struct blob_file *file, const void *bytes, size_t size, struct error *err)
{
    int result = store_flush(file->store, err);

    if (result < 0)
        return result;
    for (size_t at = 0, run; at < size && result == 0; at += run) {
        const uint8_t *from = (const uint8_t *)bytes + at;
        bool zero;

        run = measure_run(&zero, from, size - at);
        if (!zero)
            result = file_write_all(file->fd, from, run, file->size + at);
    }
    file->size += size;
    return result < 0 ? failed(file->store, -result, err) : 0;
}

int blob_file_seal(struct blob_file *file, struct error *err)
{
    int result = store_flush(file->store, err);

    if (result < 0)
        return result;
    /* It may end in a hole. */
    if (ftruncate(file->fd, (off_t)file->size) < 0 || fsync(file->fd) < 0)
        return failed(file->store, errno, err);
    return 0;
}

/* --- Naming ------------------------------------------------------------------------------------------------------- */

/* A crash leaves the whole file or none of that name. */
int blob_file_keep(struct blob_file *file, const struct digest *digest, struct error *err)
{
    struct store *store = file->store;
    char path[BLOB_PATH_SIZE], directory[sizeof "blobs/ab"];

    blob_path(path, digest);
    memcpy(directory, path, sizeof directory - 1);
    directory[sizeof directory - 1] = '\0';
    if (renameat(store->directory_fd, file->aside, store->directory_fd, path) < 0)
        return failed(store, errno, err);
    close(file->fd);
    file->fd = -1;
    int result = sync_directory(store, directory);
    return result < 0 ? failed(store, -result, err) : 0;
}

void blob_file_drop(struct blob_file *file)
{
    if (file->fd < 0)
        return;
    unlinkat(file->store->directory_fd, file->aside, 0);
    close(file->fd);
    file->fd = -1;
}
