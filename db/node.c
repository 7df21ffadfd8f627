/* node.c - reading nodes and their items from rows; writing them is cut.c's. */
#include "db/node.h"

#include "db/cut.h"
#include "db/feature_values.h"
#include "db/sql.h"

#include <errno.h>
#include <string.h>

static const char FIND_NODE[] = "SELECT kind, level, count, entries, dirs, nodes, digest FROM node WHERE id = ?1";
static const char FIND_DIGEST[] = "SELECT digest FROM node WHERE id = ?1";

/* The items of node ?1, in order; but for the first two with the counts of what is below, so that nobody has to ask
 * again. */
static const char READ_CHILDREN[] =
    "SELECT first, node FROM child WHERE id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY id";
static const char READ_ENTRIES[] =
    "SELECT name, mode, uid, gid, size, mtime, major, minor, flags, target, content, xattrs, subtree FROM entry"
    " WHERE id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY id";
static const char READ_CHILDREN_AND_COUNTS[] =
    "SELECT c.first, c.node, n.entries, n.dirs, n.nodes, n.digest, n.kind, n.level FROM child AS c"
    " JOIN node AS n ON n.id = c.node"
    " WHERE c.id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY c.id";
static const char READ_ENTRIES_AND_COUNTS[] =
    "SELECT e.name, e.mode, e.uid, e.gid, e.size, e.mtime, e.major, e.minor, e.flags, e.target, e.content, e.xattrs,"
    " e.subtree, n.entries, n.dirs, n.nodes FROM entry AS e LEFT JOIN node AS n ON n.id = e.subtree"
    " WHERE e.id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY e.id";
static const char READ_ENTRIES_AND_DIGESTS[] =
    "SELECT e.name, e.mode, e.uid, e.gid, e.size, e.mtime, e.major, e.minor, e.flags, e.target, e.content, e.xattrs,"
    " e.subtree, n.entries, n.dirs, n.nodes, c.digest, x.digest, n.digest FROM entry AS e"
    " LEFT JOIN node AS n ON n.id = e.subtree LEFT JOIN blob AS c ON c.id = e.content"
    " LEFT JOIN blob AS x ON x.id = e.xattrs WHERE e.id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY e.id";
static const char READ_FEATURES[] =
    "SELECT type, key, id & 63 FROM feature WHERE id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY id";
static const char READ_VALUES[] = "SELECT data FROM feature_values WHERE node = ?1";
static const char READ_GROUPS[] = "SELECT count, paths FROM link WHERE id BETWEEN ?1 * 64 AND ?1 * 64 + 63 ORDER BY id";

int node_damaged(const struct store *store, int64_t id, struct error *err)
{
    return error_system(err, EIO, "node %lld of %s is damaged", (long long)id, store_directory(store));
}

struct visit {
    struct store *store;
    int64_t id;
    enum node_kind kind;
    unsigned level;
    sqlite3_stmt *header; /* of FIND_NODE, as long as nobody else needs that */
    sqlite3_stmt *rows;
    const struct node_visitor *visitor;
    const struct feature_values *values; /* of a leaf of features */
    enum node_detail detail;
    struct error *err;
};

/* Whoever goes through a tree trusts what a visit gives: that it goes down one level at a time and comes to an end,
 * that sums of counts do not wrap, that names are names. Rows may be damaged or hostile, so it is looked at here, once.
 */
static int damaged(const struct visit *v)
{
    return node_damaged(v->store, v->id, v->err);
}

/* Text of a column with its length; never NULL, so that an empty text is a text. */
static const char *column_text(uint32_t *size, sqlite3_stmt *rows, int column)
{
    const char *text = sqlite3_column_blob(rows, column);

    *size = (uint32_t)sqlite3_column_bytes(rows, column);
    return text ? text : "";
}

/* False: no tree has so many. */
static bool column_counts(struct counts *counts, sqlite3_stmt *rows, int column)
{
    uint32_t *const fields[] = {&counts->entries, &counts->dirs, &counts->nodes};

    for (int i = 0; i < 3; i++) {
        int64_t value = sqlite3_column_int64(rows, column + i);

        if (value < 0 || value > TREE_NODES_MAX)
            return false;
        *fields[i] = (uint32_t)value;
    }
    return true;
}

/* A digest that must be there when the id beside it is not 0. */
static bool digest_of_id(struct digest *digest, int64_t id, sqlite3_stmt *rows, int column)
{
    return id == 0 || sql_column_digest(digest, rows, column);
}

/* The rest of what a row tells of a list's node. */
static bool column_child(struct node_ref *node, const struct visit *v)
{
    return column_counts(&node->counts, v->rows, 2) && sql_column_digest(&node->digest, v->rows, 5) &&
           sqlite3_column_int64(v->rows, 6) == (int64_t)v->kind && sqlite3_column_int64(v->rows, 7) == v->level - 1;
}

static int visit_child(struct visit *v)
{
    struct node_child child = {0};

    child.first = column_text(&child.first_size, v->rows, 0);
    child.node.id = sqlite3_column_int64(v->rows, 1);
    if (child.node.id >= v->id || (v->detail != NODE_ITEMS && !column_child(&child.node, v)))
        return damaged(v);
    return v->visitor->child(v->visitor->arg, &child);
}

/* Empty is a root's name. */
static bool is_name(const char *name, size_t size)
{
    return size <= ENTRY_NAME_MAX && !memchr(name, '/', size) && !memchr(name, '\0', size) &&
           !(size == 1 && name[0] == '.') && !(size == 2 && name[0] == '.' && name[1] == '.');
}

static int visit_entry(struct visit *v)
{
    sqlite3_stmt *rows = v->rows;
    struct entry_digests digests = {0};
    uint32_t name_size, target_size = 0;
    struct entry entry = {
        .name = column_text(&name_size, rows, 0),
        .mode = (uint32_t)sqlite3_column_int64(rows, 1),
        .uid = (uint32_t)sqlite3_column_int64(rows, 2),
        .gid = (uint32_t)sqlite3_column_int64(rows, 3),
        .size = (uint64_t)sqlite3_column_int64(rows, 4),
        .mtime = (uint64_t)sqlite3_column_int64(rows, 5),
        .rdev_major = (uint32_t)sqlite3_column_int64(rows, 6),
        .rdev_minor = (uint32_t)sqlite3_column_int64(rows, 7),
        .flags = (uint32_t)sqlite3_column_int(rows, 8),
        .content = sqlite3_column_int64(rows, 10),
        .xattrs = sqlite3_column_int64(rows, 11),
        .subtree = sqlite3_column_int64(rows, 12),
    };

    entry.name_size = (uint16_t)name_size;
    if (sqlite3_column_type(rows, 9) != SQLITE_NULL) {
        entry.target = column_text(&target_size, rows, 9);
        entry.target_size = (uint16_t)target_size;
    }
    if (!is_name(entry.name, name_size) || target_size > ENTRY_TARGET_MAX || entry.subtree >= v->id ||
        S_ISDIR(entry.mode) != (entry.subtree != 0))
        return damaged(v);
    if (v->detail != NODE_ITEMS && !column_counts(&entry.below, rows, 13))
        return damaged(v);
    if (v->detail == NODE_DIGESTS && !(digest_of_id(&digests.content, entry.content, rows, 16) &&
                                       digest_of_id(&digests.xattrs, entry.xattrs, rows, 17) &&
                                       digest_of_id(&digests.subtree, entry.subtree, rows, 18)))
        return error_system(v->err, EIO, "an entry refers to what is not in the store");
    return v->visitor->entry(v->visitor->arg, &entry, &digests);
}

static int visit_feature(struct visit *v)
{
    struct feature feature;
    unsigned number = (unsigned)sqlite3_column_int(v->rows, 2);

    if (number >= v->values->count)
        return damaged(v);
    feature.type = column_text(&feature.type_size, v->rows, 0);
    feature.key = column_text(&feature.key_size, v->rows, 1);
    feature.value = v->values->values[number].bytes;
    feature.value_size = v->values->values[number].size;
    return v->visitor->feature(v->visitor->arg, &feature);
}

static int visit_group(struct visit *v)
{
    struct link_group group = {.count = (uint32_t)sqlite3_column_int64(v->rows, 0)};
    uint32_t ends = 0;

    group.paths = column_text(&group.size, v->rows, 1);
    for (uint32_t i = 0; i < group.size; i++)
        ends += group.paths[i] == '\0';
    if (group.size == 0 || group.paths[group.size - 1] != '\0' || ends != sqlite3_column_int64(v->rows, 0))
        return damaged(v);
    return v->visitor->group(v->visitor->arg, &group);
}

static int visit_items(struct visit *v, const char *sql, int (*visit_row)(struct visit *))
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(v->store, sql, v->err);
    int result;

    if (!rows)
        return -EIO;
    v->rows = rows;
    sqlite3_bind_int64(rows, 1, v->id);
    result = sql_step(v->store, rows, v->err);
    sqlite3_reset(v->header); /* one transaction for both: each is some system calls */
    for (; result == 1; result = sql_step(v->store, rows, v->err)) {
        int visited = visit_row(v);

        if (visited != 0)
            return visited;
    }
    return result;
}

static int visit_features(struct visit *v)
{
    struct feature_values values cleanup_feature_values = {.count = 0};
    cleanup_reset sqlite3_stmt *row = NULL;
    int result = sql_find_row(&row, v->store, READ_VALUES, v->id, v->err);

    if (result == 0)
        result = feature_values_unpack(&values, sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    if (result == -EBADMSG)
        return damaged(v);
    if (result == -ENOMEM)
        return error_system(v->err, ENOMEM, "cannot read features");
    v->values = &values;
    /* An empty leaf has no values. */
    return result < 0 && result != -ENOENT ? result : visit_items(v, READ_FEATURES, visit_feature);
}

/* What a row of `node` says, handed to the visitor. */
static int visit_header(struct visit *v)
{
    struct counts counts;
    int result = sql_find_row(&v->header, v->store, FIND_NODE, v->id, v->err);
    sqlite3_stmt *find = v->header;

    if (result < 0)
        return result;
    int64_t kind = sqlite3_column_int64(find, 0), level = sqlite3_column_int64(find, 1);
    int64_t count = sqlite3_column_int64(find, 2);
    if (kind < NODE_TREE || kind > NODE_FEATURES || level < 0 || level >= NODE_LEVELS_MAX || count < 0 ||
        count > NODE_ITEMS_MAX || !column_counts(&counts, find, 3))
        return damaged(v);
    v->kind = (enum node_kind)kind;
    v->level = (unsigned)level;
    return v->visitor->begin(v->visitor->arg, v->kind, v->level, (unsigned)count, &counts);
}

static int visit(struct visit *v)
{
    static const char *const entries[] = {
        [NODE_ITEMS] = READ_ENTRIES,
        [NODE_COUNTS] = READ_ENTRIES_AND_COUNTS,
        [NODE_DIGESTS] = READ_ENTRIES_AND_DIGESTS,
    };
    int result = visit_header(v);

    if (result != 0)
        return result;
    if (v->level > 0)
        return visit_items(v, v->detail == NODE_ITEMS ? READ_CHILDREN : READ_CHILDREN_AND_COUNTS, visit_child);
    switch (v->kind) {
    case NODE_TREE:
        return visit_items(v, entries[v->detail], visit_entry);
    case NODE_FEATURES:
        return visit_features(v);
    case NODE_LINKS:
        return visit_items(v, READ_GROUPS, visit_group);
    }
    return damaged(v);
}

int node_visit(struct store *store, int64_t id, enum node_detail detail, const struct node_visitor *visitor,
               struct error *err)
{
    struct visit v = {.store = store, .id = id, .visitor = visitor, .detail = detail, .err = err};
    int result = visit(&v);

    cleanup_reset_fn(&v.header);
    return result;
}

int node_digest(struct digest *digest, struct store *store, int64_t id, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = NULL;
    int result = sql_find_row(&find, store, FIND_DIGEST, id, err);

    if (result < 0)
        return result;
    return sql_column_digest(digest, find, 0) ? 0 : error_system(err, EIO, "node %lld has no digest", (long long)id);
}

int node_empty(struct node_ref *out, struct store *store, enum node_kind kind, struct error *err)
{
    struct cutter *cutter;
    int result = cutter_new(&cutter, store, kind, err);

    if (result < 0)
        return result;
    result = cutter_finish(out, cutter, err);
    cutter_free(cutter);
    return result;
}
