/* check_images.c - do layers, chains, images, tags and what waits refer to what they should? That the rows are there at
 * all which they refer to, and that these hold what their digests say, check.c has looked at. */
#include "base/cleanup.h"
#include "db/check.h"
#include "db/image.h"
#include "db/sql.h"

#include <errno.h>

/* A root is a leaf with one entry, a directory without a name (its row is the first of its node's); links and notes are
 * of their kinds (node.h). */
#define WRONG_NODES(table)                                                                                             \
    "SELECT y.number FROM " table " AS y JOIN node AS r ON r.id = y.root JOIN node AS l ON l.id = y.links"             \
    " JOIN node AS f ON f.id = y.notes WHERE r.kind != 1 OR r.level != 0 OR r.count != 1 OR l.kind != 2 OR f.kind != " \
    "3 OR NOT EXISTS (SELECT 1 FROM entry AS e WHERE e.id = r.id * 64 AND e.name = '' AND e.mode & 61440 = 16384)"
_Static_assert(NODE_TREE == 1 && NODE_LINKS == 2 && NODE_FEATURES == 3 && NODE_ITEMS_MAX == 64 && S_IFMT == 61440 &&
                   S_IFDIR == 16384,
               "SQL texts have these numbers");

#define WRONG_DIGEST(table, column) "SELECT number FROM " table " WHERE length(" column ") != 32"

/* Each row that a text gives is the number of something bad. */
static const struct {
    const char *sql;
    const char *what, *why;
} WRONG[] = {
    {WRONG_DIGEST("layer", "digest"), "layer", "has no digest"},
    {WRONG_DIGEST("chain", "digest"), "chain", "has no digest"},
    {WRONG_DIGEST("image", "chain"), "image", "has no chain"},
    {WRONG_NODES("layer"), "layer", "refers to nodes of another kind"},
    {WRONG_NODES("chain"), "chain", "refers to nodes of another kind"},
    {"SELECT i.number FROM image AS i JOIN blob AS b ON b.id = i.config_blob WHERE b.digest != i.config", "image",
     "refers to another config than it is named by"},
    /* An image without layers has "[]" for its layers, and no chain. */
    {"SELECT i.number FROM image AS i JOIN blob AS b ON b.id = i.layers_blob"
     " WHERE b.size > 3 AND NOT EXISTS (SELECT 1 FROM chain AS c WHERE c.digest = i.chain)",
     "image", "refers to a chain that is not there"},
    {"SELECT t.snapshot FROM tag AS t JOIN snapshot AS s ON s.number = t.snapshot"
     " WHERE t.namespace != s.namespace",
     "snapshot", "has a tag of another namespace"},
    {"SELECT snapshot FROM tag WHERE name = '' OR length(name) > 128 OR name GLOB '*[^A-Za-z0-9_.-]*'"
     " OR name GLOB '[.-]*'",
     "snapshot", "has a tag that can be none"},
    {"SELECT snapshot FROM waiting WHERE wants = ''", "snapshot", "waits for nothing"},
};
_Static_assert(TAG_SIZE_MAX == 128, "an SQL text has this number");

static const char COUNTS[] = "SELECT (SELECT count(*) FROM layer), (SELECT count(*) FROM chain),"
                             " (SELECT count(*) FROM image)";

/* Those that were here before chains told what they are made of may not know it. */
static const char EACH_CHAIN[] = "SELECT c.number, c.digest, y.digest, d.digest FROM chain AS c"
                                 " JOIN layer AS y ON y.number = c.layer LEFT JOIN chain AS d ON d.number = c.below";

static int count_rows(struct check *check, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *row = sql_statement(store, COUNTS, err);
    int result = row ? sql_step(store, row, err) : -EIO;

    if (result < 0)
        return result;
    check->layers = (uint64_t)sqlite3_column_int64(row, 0);
    check->chains = (uint64_t)sqlite3_column_int64(row, 1);
    check->images = (uint64_t)sqlite3_column_int64(row, 2);
    return 0;
}

/* A chain is named after what it is made of. */
static int check_chain(struct check *check, sqlite3_stmt *row, struct error *err)
{
    struct digest chain, layer, below, expected;
    bool has_below = sql_column_digest(&below, row, 3);

    if (!sql_column_digest(&chain, row, 1) || !sql_column_digest(&layer, row, 2))
        return 0; /* told already */
    if (!layer_chain_id(&expected, has_below ? &below : NULL, &layer))
        return error_system(err, ENOMEM, "cannot check chains");
    if (!digest_equal(&chain, &expected))
        check_bad(check, "chain %lld is not made of what its digest says", (long long)sqlite3_column_int64(row, 0));
    return 0;
}

static int check_chains(struct check *check, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, EACH_CHAIN, err);
    int result;

    if (!rows)
        return -EIO;
    while ((result = sql_step(store, rows, err)) == 1) {
        result = check_chain(check, rows, err);
        if (result < 0)
            break;
    }
    return result;
}

int check_images(struct check *check, struct store *store, struct error *err)
{
    int result = count_rows(check, store, err);

    if (result == 0)
        result = check_chains(check, store, err);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG && result == 0; i++) {
        cleanup_reset sqlite3_stmt *rows = sql_statement(store, WRONG[i].sql, err);

        if (!rows)
            return -EIO;
        while ((result = sql_step(store, rows, err)) == 1)
            check_bad(check, "%s %lld %s", WRONG[i].what, (long long)sqlite3_column_int64(rows, 0), WRONG[i].why);
    }
    return result;
}
