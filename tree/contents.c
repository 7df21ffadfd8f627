/* contents.c - from rows to contents in memory. */
#include "tree/contents.h"

#include "tree/node.h"

#include <errno.h>
#include <stdlib.h>

static int load(struct content_row **out, struct store *store, int64_t id, struct error *err)
{
    struct blob blob;
    int result = blob_find(&blob, store, id, err);

    if (result < 0)
        return result;
    size_t size = blob.in_file ? 0 : (size_t)blob.size;
    if (size > BLOB_INLINE_MAX)
        return error_system(err, EIO, "content %lld of %s is damaged", (long long)id, store_directory(store));
    struct content_row *row = malloc(sizeof *row + size);
    if (!row)
        return error_system(err, ENOMEM, "cannot read a content");
    *row = (struct content_row){.cached = {.id = CACHE_ID_CONTENT | id, .size = sizeof *row + size}, .blob = blob};
    ssize_t n = size ? blob_read(row->bytes, store, &blob, 0, size, err) : 0;
    if (n < 0 || (size_t)n != size) {
        free(row);
        return n < 0 ? (int)n : -ENOENT;
    }
    *out = row;
    return 0;
}

int content_get(const struct content_row **out, struct cache_user *user, struct store *store, int64_t id,
                struct error *err)
{
    if (id <= 0 || id >= CACHE_ID_CONTENT)
        return -ENOENT;
    struct cached *found = cache_find(user, CACHE_ID_CONTENT | id);

    if (!found) {
        struct content_row *loaded = NULL;
        int result = load(&loaded, store, id, err);

        if (result < 0)
            return result;
        found = cache_insert(user, &loaded->cached);
    }
    *out = (const struct content_row *)found;
    return 0;
}
