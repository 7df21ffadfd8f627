/* schema_packed.c - to user_version 9: lists of chunks and values of features, from a row each to a row for many.
 *
 * What was damaged stays damaged, but converts: whoever reads it is told then. Memory: a row's chunks, a leaf's values.
 */
#include "db/schema.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "db/chunk_list.h"
#include "db/feature_values.h"

#include <errno.h>

/* A chunk ends where the next one begins, the last one with its frame. */
static const char READ_CHUNKS[] =
    "SELECT c.frame, c.position, c.chunk, coalesce(lead(c.position) OVER (PARTITION BY c.frame ORDER BY c.position),"
    "  f.size) - c.position FROM frame_chunk AS c LEFT JOIN frame AS f ON f.id = c.frame ORDER BY c.frame, c.position";
static const char ADD_CHUNKS[] = "INSERT INTO frame_chunks (frame, position, chunks) VALUES (?1, ?2, ?3)";
static const char READ_VALUES[] = "SELECT id >> 6, id & 63, value FROM feature ORDER BY id";
static const char ADD_VALUES[] = "INSERT INTO feature_values (node, data) VALUES (?1, ?2)";
_Static_assert(NODE_ITEMS_MAX == 64, "SQL texts have this number");

struct packing {
    sqlite3 *db;
    sqlite3_stmt *rows, *add;
    struct error *err;
};

static int failed(const struct packing *p)
{
    return error_system(p->err, EIO, "cannot pack the store's tables: %s", sqlite3_errmsg(p->db));
}

static int begin(struct packing *p, const char *rows, const char *add)
{
    if (sqlite3_prepare_v2(p->db, rows, -1, &p->rows, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(p->db, add, -1, &p->add, NULL) != SQLITE_OK)
        return failed(p);
    return 0;
}

static void end(struct packing *p)
{
    sqlite3_finalize(p->rows);
    sqlite3_finalize(p->add);
}

/* 1: a row, 0: none is left. */
static int next(const struct packing *p)
{
    int result = sqlite3_step(p->rows);

    return result == SQLITE_ROW ? 1 : result == SQLITE_DONE ? 0 : failed(p);
}

/* The bytes go to the last parameter. */
static int add(const struct packing *p, const void *bytes, size_t size)
{
    sqlite3_bind_blob64(p->add, sqlite3_bind_parameter_count(p->add), bytes, size, SQLITE_STATIC);
    int result = sqlite3_step(p->add) == SQLITE_DONE ? 0 : failed(p);
    sqlite3_reset(p->add);
    return result;
}

/* --- Lists of chunks ---------------------------------------------------------------------------------------------- */

struct list {
    int64_t frame, position;
    size_t count;
    struct chunk_ref chunks[CHUNK_LIST_MAX];
};

static int add_list(const struct packing *p, struct list *list)
{
    struct buffer bytes cleanup_buffer = {0};

    if (list->count == 0)
        return 0;
    chunk_list_pack(&bytes, list->chunks, list->count);
    if (bytes.failed)
        return error_system(p->err, ENOMEM, "cannot pack the store's tables");
    sqlite3_bind_int64(p->add, 1, list->frame);
    sqlite3_bind_int64(p->add, 2, list->position);
    list->count = 0;
    return add(p, bytes.bytes, bytes.size);
}

static int pack_lists(const struct packing *p)
{
    struct list list = {.count = 0};
    int result;

    while ((result = next(p)) == 1) {
        int64_t frame = sqlite3_column_int64(p->rows, 0), size = sqlite3_column_int64(p->rows, 3);

        if (list.count == CHUNK_LIST_MAX || frame != list.frame)
            result = add_list(p, &list);
        if (result < 0)
            return result;
        if (list.count == 0) {
            list.frame = frame;
            list.position = sqlite3_column_int64(p->rows, 1);
        }
        /* A size that none has is one that a reader refuses. */
        list.chunks[list.count++] = (struct chunk_ref){sqlite3_column_int64(p->rows, 2),
                                                       size < 0 || size > CHUNK_SIZE_MAX ? UINT32_MAX : (uint32_t)size};
    }
    return result < 0 ? result : add_list(p, &list);
}

/* --- Values of features ------------------------------------------------------------------------------------------- */

struct leaf {
    int64_t node;
    unsigned count; /* of values; an item whose row is missing has an empty one, so that the others keep their places */
    struct buffer texts;
    size_t ends[NODE_ITEMS_MAX];
    struct feature_packer *packer;
};

static int add_leaf(const struct packing *p, struct leaf *leaf)
{
    struct feature_value values[NODE_ITEMS_MAX];
    const void *bytes;
    size_t size, begins = 0;

    if (leaf->count == 0)
        return 0;
    if (leaf->texts.failed)
        return error_system(p->err, ENOMEM, "cannot pack the store's tables");
    for (unsigned i = 0; i < leaf->count; begins = leaf->ends[i++])
        values[i] =
            (struct feature_value){(const char *)leaf->texts.bytes + begins, (uint32_t)(leaf->ends[i] - begins)};
    if (feature_packer_pack(&bytes, &size, leaf->packer, values, leaf->count) < 0)
        return error_system(p->err, ENOMEM, "cannot pack the store's tables");
    sqlite3_bind_int64(p->add, 1, leaf->node);
    leaf->count = 0;
    buffer_clear(&leaf->texts);
    return add(p, bytes, size);
}

static int pack_leaves(const struct packing *p, struct leaf *leaf)
{
    int result;

    while ((result = next(p)) == 1) {
        int64_t node = sqlite3_column_int64(p->rows, 0);
        unsigned position = (unsigned)sqlite3_column_int(p->rows, 1);

        if (node != leaf->node && (result = add_leaf(p, leaf)) < 0)
            return result;
        leaf->node = node;
        while (leaf->count < position)
            leaf->ends[leaf->count++] = leaf->texts.size;
        buffer_add(&leaf->texts, sqlite3_column_blob(p->rows, 2), (size_t)sqlite3_column_bytes(p->rows, 2));
        leaf->ends[leaf->count++] = leaf->texts.size;
    }
    return result < 0 ? result : add_leaf(p, leaf);
}

static int pack_values(const struct packing *p)
{
    struct leaf leaf = {.packer = feature_packer_new()};
    int result = leaf.packer ? pack_leaves(p, &leaf) : error_system(p->err, ENOMEM, "cannot pack the store's tables");

    feature_packer_free(leaf.packer);
    buffer_free(&leaf.texts);
    return result;
}

int schema_to_packed(sqlite3 *db, struct error *err)
{
    struct packing chunks = {.db = db, .err = err}, values = {.db = db, .err = err};
    int result = begin(&chunks, READ_CHUNKS, ADD_CHUNKS);

    if (result == 0)
        result = pack_lists(&chunks);
    end(&chunks);
    if (result == 0)
        result = begin(&values, READ_VALUES, ADD_VALUES);
    if (result == 0)
        result = pack_values(&values);
    end(&values);
    return result;
}
