/* layer.c - the rows of layers and chains: two tables of one shape. */
#include "db/layer.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/publish.h"
#include "db/sql.h"

#include <errno.h>
#include <stdio.h>

#define SELECT_LAYERS(table)                                                                                           \
    "SELECT y.number, y.digest, y.root, y.links, y.notes, " SQL_NODE("r") ", " SQL_NODE("l") ", " SQL_NODE(            \
        "f") " FROM " table " AS y JOIN node AS r ON r.id = y.root JOIN node AS l ON l.id = y.links"                   \
             " JOIN node AS f ON f.id = y.notes"
enum { FIRST_NODE = 5 }; /* column of the root's digest */

#define TEXTS(table, kind)                                                                                             \
    {                                                                                                                  \
        .name = (table), .object = (kind), .find = SELECT_LAYERS(table) " WHERE y.digest = ?1",                        \
        .find_number = SELECT_LAYERS(table) " WHERE y.number = ?1",                                                    \
        .each = SELECT_LAYERS(table) " WHERE y.number > ?1 ORDER BY y.number",                                         \
        .insert = "INSERT INTO " table " (digest, root, links, notes) VALUES (?1, ?2, ?3, ?4)", .directory = "/" table \
    }

static const struct {
    const char *name;
    enum object_kind object;
    const char *find, *find_number, *each, *insert;
    const char *directory; /* the virtual one that lists them */
} TABLES[] = {[LAYER_ALONE] = TEXTS("layer", OBJECT_LAYER), [LAYER_CHAIN] = TEXTS("chain", OBJECT_CHAIN)};

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* Step: 1 with *layer filled, 0 when there is no more, or an error. */
static int next_row(struct layer *layer, struct store *store, enum layer_kind kind, sqlite3_stmt *rows,
                    struct error *err)
{
    int result = sql_step(store, rows, err);

    if (result != 1)
        return result;
    layer->number = sqlite3_column_int64(rows, 0);
    if (!sql_column_digest(&layer->digest, rows, 1) || !sql_column_node(&layer->root, rows, 2, FIRST_NODE) ||
        !sql_column_node(&layer->links, rows, 3, FIRST_NODE + SQL_NODE_COLUMNS) ||
        !sql_column_node(&layer->notes, rows, 4, FIRST_NODE + 2 * SQL_NODE_COLUMNS))
        return error_system(err, EIO, "%s %lld is damaged", TABLES[kind].name, (long long)layer->number);
    return 1;
}

static int find(struct layer *layer, struct store *store, enum layer_kind kind, const struct digest *digest,
                struct error *err)
{
    cleanup_reset sqlite3_stmt *row = sql_statement(store, TABLES[kind].find, err);

    if (!row)
        return -EIO;
    sql_bind_digest(row, 1, digest);
    int result = next_row(layer, store, kind, row, err);
    return result < 0 ? result : result ? 0 : -ENOENT;
}

int layer_find(struct layer *layer, struct store *store, enum layer_kind kind, const struct digest *digest,
               struct error *err)
{
    int result = find(layer, store, kind, digest, err);

    return result < 0 ? result : sql_saw(store, TABLES[kind].object, layer->number, err);
}

int layer_find_number(struct layer *layer, struct store *store, enum layer_kind kind, int64_t number, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, TABLES[kind].find_number, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, number);
    int result = next_row(layer, store, kind, find, err);
    return result < 0 ? result : result ? 0 : -ENOENT;
}

int layer_visit(struct store *store, enum layer_kind kind, int64_t after,
                int (*visit)(void *arg, const struct layer *layer), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, TABLES[kind].each, err);
    struct layer layer;
    int result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, after);
    while ((result = next_row(&layer, store, kind, rows, err)) == 1) {
        result = visit(arg, &layer);
        if (result != 0)
            break;
    }
    return result;
}

/* --- Publishing --------------------------------------------------------------------------------------------------- */

static int insert(struct layer *layer, struct store *store, enum layer_kind kind, struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(store, TABLES[kind].insert, err);

    if (!add)
        return -EIO;
    sql_bind_digest(add, 1, &layer->digest);
    sqlite3_bind_int64(add, 2, layer->root.id);
    sqlite3_bind_int64(add, 3, layer->links.id);
    sqlite3_bind_int64(add, 4, layer->notes.id);
    int result = sql_step(store, add, err);
    layer->number = sqlite3_last_insert_rowid(store->db);
    return result;
}

static const char SET_PARTS[] = "UPDATE chain SET below = ?2, layer = ?3 WHERE number = ?1 AND layer IS NULL";

int publish_chains(struct layer *chains, const struct layer *alone, size_t count, int64_t below, struct store *store,
                   struct error *err)
{
    int result = publish_layers(chains, count, LAYER_CHAIN, store, err);

    for (size_t i = 0; i < count && result == 0; i++) {
        cleanup_reset sqlite3_stmt *set = sql_statement(store, SET_PARTS, err);

        if (!set)
            return -EIO;
        sqlite3_bind_int64(set, 1, chains[i].number);
        sql_bind_id(set, 2, below);
        sqlite3_bind_int64(set, 3, alone[i].number);
        result = sql_step(store, set, err);
        below = chains[i].number;
    }
    return result;
}

int publish_layers(struct layer *layers, size_t count, enum layer_kind kind, struct store *store, struct error *err)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        struct layer here;
        int result = layer_find(&here, store, kind, &layers[i].digest, err);

        if (result == 0)
            layers[i].number = here.number;
        else if (result == -ENOENT)
            result = insert(&layers[i], store, kind, err), any = true;
        if (result < 0)
            return result;
    }
    return any ? publish_touch(store, TABLES[kind].directory, timestamp_now(), err) : 0;
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

/* The OCI image specification: the digest of "<chainID> <diffID>", both as text with their algorithm. */
bool layer_chain_id(struct digest *chain, const struct digest *below, const struct digest *diffid)
{
    char text[2 * (sizeof "sha256:" + DIGEST_HEX_SIZE)], hex[2][DIGEST_HEX_SIZE];

    if (!below) {
        *chain = *diffid;
        return true;
    }
    struct sha256 *sha = sha256_new();
    if (!sha)
        return false;
    hex_encode(hex[0], below->bytes, DIGEST_SIZE);
    hex_encode(hex[1], diffid->bytes, DIGEST_SIZE);
    int size = snprintf(text, sizeof text, "sha256:%s sha256:%s", hex[0], hex[1]);
    sha256_of(chain, sha, text, (size_t)size);
    sha256_free(sha);
    return true;
}
