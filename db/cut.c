/* cut.c - cutting items into nodes, and lists of nodes into nodes, until one is left.
 *
 * Every level keeps one unfinished node: its canonical bytes, and for each item what its row needs besides. When a key
 * says "cut here", the node is named, looked up, written if it is new, and becomes an item of the level above.
 *
 *     items come in order            e.g. names; | is where the hash of a name says "cut before me"
 *     level 0   a b c | d e | f g h i | j …       the unfinished node is "j …"
 *     level 1   (a) (d) (f)                       finished nodes by their first key; (j) follows when its node ends
 *     level 2                                     not there yet: nothing of level 1 was cut
 *
 * cutter_finish() ends the unfinished nodes from below; the first level that never handed anything up is the whole.
 */
#include "db/cut.h"

#include "base/buffer.h"
#include "db/canonical.h"
#include "db/feature_values.h"
#include "db/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One node in 16 begins by its key, so nodes have 16 items on average. */
#define CUT_MASK 15u
/* A list has at least two nodes before it is cut, else keys that cut at every level would pile up lists of one. */
#define CUT_LIST_MIN 2
/* Bytes of text after which a node ends in any case: a feature's value can have 64 MiB, and 64 of them are too much to
 * hold. */
#define CUT_TEXT_MAX (1u << 20)

static const char INSERT_NODE[] = "INSERT INTO node (digest, kind, level, count, entries, dirs, nodes)"
                                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
static const char INSERT_CHILD[] = "INSERT INTO child (id, first, node) VALUES (?1, ?2, ?3)";
static const char INSERT_ENTRY[] = "INSERT INTO entry (id, name, mode, uid, gid, size, mtime, major, minor, flags,"
                                   " target, content, xattrs, subtree)"
                                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
static const char INSERT_FEATURE[] = "INSERT INTO feature (id, type, key) VALUES (?1, ?2, ?3)";
static const char INSERT_VALUES[] = "INSERT INTO feature_values (node, data) VALUES (?1, ?2)";
static const char INSERT_GROUP[] = "INSERT INTO link (id, count, paths) VALUES (?1, ?2, ?3)";

/* An item whose row is not written yet. Texts lie in the level's `texts`, at these offsets. */
struct pending {
    size_t text, second_text, third_text; /* key (or name, type), target or key, value */
    union {
        int64_t child;
        struct entry entry;
        struct feature feature;
        uint32_t group_count;
    };
    uint32_t text_size;
};

struct level {
    struct buffer canonical;
    struct buffer texts;
    struct buffer first; /* the first key of the unfinished node */
    struct counts counts;
    struct pending *items; /* NODE_ITEMS_MAX of them, or NULL as long as the level is not used */
    unsigned count;
    bool used; /* a node of this level was finished and handed up */
};

struct cutter {
    struct store *store;
    enum node_kind kind;
    struct level *levels[NODE_LEVELS_MAX];
    struct feature_packer *packer; /* NULL as long as no leaf of features was written */
};

int cutter_new(struct cutter **out, struct store *store, enum node_kind kind, struct error *err)
{
    struct cutter *cutter = calloc(1, sizeof *cutter);

    if (!cutter)
        return error_system(err, ENOMEM, "cannot write a tree");
    cutter->store = store;
    cutter->kind = kind;
    *out = cutter;
    return 0;
}

void cutter_free(struct cutter *cutter)
{
    if (!cutter)
        return;
    for (unsigned i = 0; i < NODE_LEVELS_MAX && cutter->levels[i]; i++) {
        struct level *level = cutter->levels[i];

        buffer_free(&level->canonical);
        buffer_free(&level->texts);
        buffer_free(&level->first);
        free(level->items);
        free(level);
    }
    feature_packer_free(cutter->packer);
    free(cutter);
}

static void level_clear(struct level *level)
{
    canonical_node_begin(&level->canonical);
    buffer_clear(&level->texts);
    level->counts = (struct counts){0};
    level->count = 0;
}

/* The level, made when it is first needed. */
static struct level *level_at(struct cutter *cutter, unsigned number)
{
    struct level *level = cutter->levels[number];

    if (level)
        return level;
    level = calloc(1, sizeof *level);
    if (!level)
        return NULL;
    level->items = calloc(NODE_ITEMS_MAX, sizeof *level->items);
    if (!level->items) {
        free(level);
        return NULL;
    }
    level_clear(level);
    cutter->levels[number] = level;
    return level;
}

/* --- Rows --------------------------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *statement, int column, const struct level *level, size_t offset, size_t size)
{
    const char *text = size ? (const char *)level->texts.bytes + offset : "";

    sqlite3_bind_text64(statement, column, text, size, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_child(sqlite3_stmt *row, const struct level *level, const struct pending *item)
{
    bind_text(row, 2, level, item->text, item->text_size);
    sqlite3_bind_int64(row, 3, item->child);
}

static void bind_entry(sqlite3_stmt *row, const struct level *level, const struct pending *item)
{
    const struct entry *e = &item->entry;

    bind_text(row, 2, level, item->text, e->name_size);
    sqlite3_bind_int64(row, 3, e->mode);
    sqlite3_bind_int64(row, 4, e->uid);
    sqlite3_bind_int64(row, 5, e->gid);
    sqlite3_bind_int64(row, 6, (int64_t)e->size);
    sqlite3_bind_int64(row, 7, (int64_t)e->mtime);
    sqlite3_bind_int64(row, 8, e->rdev_major);
    sqlite3_bind_int64(row, 9, e->rdev_minor);
    sqlite3_bind_int64(row, 10, e->flags);
    if (e->target)
        bind_text(row, 11, level, item->second_text, e->target_size);
    else
        sqlite3_bind_null(row, 11);
    sql_bind_id(row, 12, e->content);
    sql_bind_id(row, 13, e->xattrs);
    sql_bind_id(row, 14, e->subtree);
}

static void bind_feature(sqlite3_stmt *row, const struct level *level, const struct pending *item)
{
    bind_text(row, 2, level, item->text, item->feature.type_size);
    bind_text(row, 3, level, item->second_text, item->feature.key_size);
}

static void bind_group(sqlite3_stmt *row, const struct level *level, const struct pending *item)
{
    sqlite3_bind_int64(row, 2, item->group_count);
    sqlite3_bind_blob64(row, 3, level->texts.bytes + item->second_text, item->text_size, SQLITE_STATIC);
}

/* How items become rows: lists first, then the leaves of each kind. */
static const struct {
    const char *insert;
    void (*bind)(sqlite3_stmt *row, const struct level *level, const struct pending *item);
} LIST_ROWS = {INSERT_CHILD, bind_child}, LEAF_ROWS[] = {
                                              [NODE_TREE] = {INSERT_ENTRY, bind_entry},
                                              [NODE_LINKS] = {INSERT_GROUP, bind_group},
                                              [NODE_FEATURES] = {INSERT_FEATURE, bind_feature},
};

static int insert_node(struct node_ref *node, struct cutter *cutter, unsigned number, struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(cutter->store, INSERT_NODE, err);

    if (!add)
        return -EIO;
    sql_bind_digest(add, 1, &node->digest);
    sqlite3_bind_int(add, 2, (int)cutter->kind);
    sqlite3_bind_int(add, 3, (int)number);
    sqlite3_bind_int(add, 4, (int)cutter->levels[number]->count);
    sqlite3_bind_int64(add, 5, node->counts.entries);
    sqlite3_bind_int64(add, 6, node->counts.dirs);
    sqlite3_bind_int64(add, 7, node->counts.nodes);
    int result = sql_step(cutter->store, add, err);
    node->id = sqlite3_last_insert_rowid(cutter->store->db);
    return result;
}

static int insert_items(const struct node_ref *node, struct cutter *cutter, unsigned number, struct error *err)
{
    const struct level *level = cutter->levels[number];
    const char *insert = number ? LIST_ROWS.insert : LEAF_ROWS[cutter->kind].insert;
    cleanup_reset sqlite3_stmt *row = sql_statement(cutter->store, insert, err);

    if (!row)
        return -EIO;
    for (unsigned i = 0; i < level->count; i++) {
        sqlite3_bind_int64(row, 1, node->id * NODE_ITEMS_MAX + i);
        (number ? LIST_ROWS.bind : LEAF_ROWS[cutter->kind].bind)(row, level, &level->items[i]);
        int result = sql_step(cutter->store, row, err);
        if (result < 0)
            return result;
        sqlite3_reset(row);
    }
    return 0;
}

/* The values of a leaf's features, beside their rows. */
static int insert_values(const struct node_ref *node, struct cutter *cutter, struct error *err)
{
    const struct level *leaf = cutter->levels[0];
    cleanup_reset sqlite3_stmt *row = sql_statement(cutter->store, INSERT_VALUES, err);
    struct feature_value values[NODE_ITEMS_MAX];
    const void *bytes;
    size_t size;

    if (!row)
        return -EIO;
    for (unsigned i = 0; i < leaf->count; i++)
        values[i] = (struct feature_value){(const char *)leaf->texts.bytes + leaf->items[i].third_text,
                                           leaf->items[i].feature.value_size};
    if (!cutter->packer)
        cutter->packer = feature_packer_new();
    if (!cutter->packer || feature_packer_pack(&bytes, &size, cutter->packer, values, leaf->count) < 0)
        return error_system(err, ENOMEM, "cannot write a feature");
    sqlite3_bind_int64(row, 1, node->id);
    sqlite3_bind_blob64(row, 2, bytes, size, SQLITE_STATIC);
    return sql_step(cutter->store, row, err);
}

/* Name the unfinished node of a level, and write it if the store does not have it. */
static int put_node(struct node_ref *node, struct cutter *cutter, unsigned number, struct error *err)
{
    struct level *level = cutter->levels[number];
    struct store *store = cutter->store;

    canonical_node_header(&level->canonical, cutter->kind, number, level->count);
    if (level->canonical.failed || level->texts.failed)
        return error_system(err, ENOMEM, "cannot write a tree");
    sha256_of(&node->digest, store->sha, level->canonical.bytes, level->canonical.size);
    node->counts = level->counts;
    int result = sql_find_or_begin(&node->id, store, OBJECT_NODE, &node->digest, err);
    if (result != 0)
        return result < 0 ? result : 0;
    result = insert_node(node, cutter, number, err);
    if (result == 0)
        result = insert_items(node, cutter, number, err);
    if (result == 0 && number == 0 && cutter->kind == NODE_FEATURES && level->count)
        result = insert_values(node, cutter, err);
    if (result < 0)
        return result;
    return sql_batch_wrote(store, level->canonical.size + level->texts.size, err);
}

/* --- Cutting ------------------------------------------------------------------------------------------------------ */

static bool cuts_before(struct cutter *cutter, unsigned number, const void *key, size_t size)
{
    const struct level *pending = cutter->levels[number];
    unsigned count = pending->count;
    struct sha256 *sha = cutter->store->sha;
    uint8_t level = (uint8_t)number;
    struct digest digest;

    if (count == 0 || (number > 0 && count < CUT_LIST_MIN))
        return false;
    if (count == NODE_ITEMS_MAX || pending->texts.size >= CUT_TEXT_MAX)
        return true;
    sha256_add(sha, &level, 1);
    sha256_add(sha, key, size);
    sha256_final(&digest, sha);
    return (digest.bytes[DIGEST_SIZE - 1] & CUT_MASK) == 0;
}

static int add_counts(struct counts *sum, const struct counts *more, struct error *err)
{
    if (more->nodes > TREE_NODES_MAX - sum->nodes || more->entries > TREE_NODES_MAX - sum->entries)
        return error_input(err, "more than %u files in one tree", TREE_NODES_MAX);
    sum->entries += more->entries;
    sum->dirs += more->dirs;
    sum->nodes += more->nodes;
    return 0;
}

static int hand_up(struct cutter *cutter, unsigned number, struct error *err);

/* Make room for an item with this key: cut if the key says so. *out is where the item goes. */
static int item_begin(struct pending **out, struct cutter *cutter, unsigned number, const void *key, size_t size,
                      const struct counts *counts, struct error *err)
{
    struct level *level = level_at(cutter, number);

    if (!level)
        return error_system(err, ENOMEM, "cannot write a tree");
    if (cuts_before(cutter, number, key, size)) {
        int result = hand_up(cutter, number, err);
        if (result < 0)
            return result;
    }
    if (level->count == 0) {
        buffer_clear(&level->first);
        buffer_add(&level->first, key, size);
    }
    *out = &level->items[level->count];
    **out = (struct pending){.text = level->texts.size};
    level->count++;
    return add_counts(&level->counts, counts, err);
}

static int add_child(struct cutter *cutter, unsigned number, const struct buffer *first, const struct node_ref *node,
                     struct error *err)
{
    struct node_child child = {.first = (const char *)first->bytes, .first_size = (uint32_t)first->size, .node = *node};
    struct pending *item;

    if (first->failed)
        return error_system(err, ENOMEM, "cannot write a tree");
    int result = item_begin(&item, cutter, number, first->bytes, first->size, &node->counts, err);
    if (result < 0)
        return result;
    item->child = node->id;
    item->text_size = child.first_size;
    buffer_add(&cutter->levels[number]->texts, child.first, child.first_size);
    canonical_child(&cutter->levels[number]->canonical, &child);
    return 0;
}

/* Finish the node of a level and add it to the level above. Levels are few, so the recursion is bounded. */
static int hand_up(struct cutter *cutter, unsigned number, struct error *err)
{
    struct level *level = cutter->levels[number];
    struct node_ref node;
    int result = put_node(&node, cutter, number, err);

    if (result == 0 && number + 1 == NODE_LEVELS_MAX)
        result = error_input(err, "more than %u files in one tree", TREE_NODES_MAX);
    if (result == 0)
        result = add_child(cutter, number + 1, &level->first, &node, err);
    level_clear(level);
    level->used = true;
    return result;
}

int cutter_add_entry(struct cutter *cutter, const struct entry *entry, const struct entry_digests *digests,
                     struct error *err)
{
    struct counts counts = {1, S_ISDIR(entry->mode), 1};
    struct pending *item;

    if (entry->below.nodes > TREE_NODES_MAX - 1)
        return error_input(err, "more than %u files in one tree", TREE_NODES_MAX);
    counts.nodes += entry->below.nodes;
    int result = item_begin(&item, cutter, 0, entry->name, entry->name_size, &counts, err);
    if (result < 0)
        return result;
    item->entry = *entry;
    buffer_add(&cutter->levels[0]->texts, entry->name, entry->name_size);
    item->second_text = cutter->levels[0]->texts.size;
    buffer_add(&cutter->levels[0]->texts, entry->target, entry->target_size);
    canonical_entry(&cutter->levels[0]->canonical, entry, digests);
    return 0;
}

int cutter_add_feature(struct cutter *cutter, const struct feature *feature, struct error *err)
{
    static const struct counts counts = {1, 0, 0};
    struct buffer key cleanup_buffer = {0};
    struct digest value;
    struct pending *item;

    buffer_add(&key, feature->type, feature->type_size);
    buffer_add_byte(&key, 0);
    buffer_add(&key, feature->key, feature->key_size);
    if (key.failed)
        return error_system(err, ENOMEM, "cannot write a feature");
    int result = item_begin(&item, cutter, 0, key.bytes, key.size, &counts, err);
    if (result < 0)
        return result;
    struct level *level = cutter->levels[0];
    item->feature = *feature;
    buffer_add(&level->texts, feature->type, feature->type_size);
    item->second_text = level->texts.size;
    buffer_add(&level->texts, feature->key, feature->key_size);
    item->third_text = level->texts.size;
    buffer_add(&level->texts, feature->value, feature->value_size);
    sha256_of(&value, cutter->store->sha, feature->value, feature->value_size);
    canonical_feature(&level->canonical, feature, &value);
    return 0;
}

int cutter_add_group(struct cutter *cutter, const struct link_group *group, struct error *err)
{
    static const struct counts counts = {1, 0, 0};
    struct pending *item;
    int result = item_begin(&item, cutter, 0, group->paths, strlen(group->paths), &counts, err);

    if (result < 0)
        return result;
    item->group_count = group->count;
    item->text_size = group->size;
    item->second_text = cutter->levels[0]->texts.size;
    buffer_add(&cutter->levels[0]->texts, group->paths, group->size);
    canonical_group(&cutter->levels[0]->canonical, group);
    return 0;
}

int cutter_finish(struct node_ref *out, struct cutter *cutter, struct error *err)
{
    unsigned number = 0;
    int result = level_at(cutter, 0) ? 0 : error_system(err, ENOMEM, "cannot write a tree");

    /* A level that never handed anything up holds all there is: its node is the whole. */
    while (result == 0 && cutter->levels[number]->used) {
        result = hand_up(cutter, number, err);
        cutter->levels[number++]->used = false;
    }
    if (result == 0)
        result = put_node(out, cutter, number, err);
    for (unsigned i = 0; i < NODE_LEVELS_MAX && cutter->levels[i]; i++) {
        level_clear(cutter->levels[i]);
        cutter->levels[i]->used = false;
    }
    return result;
}
