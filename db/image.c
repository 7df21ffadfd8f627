/* image.c - images, their tags, and the frames that wait for them. */
#include "db/image.h"

#include "base/cleanup.h"
#include "db/publish.h"
#include "db/snapshot_row.h"

#include <errno.h>
#include <string.h>

#define SELECT_IMAGES "SELECT i.number, i.config, i.config_blob, i.layers_blob, i.chain FROM image AS i"

static const char FIND_CONFIG[] = SELECT_IMAGES " WHERE i.config = ?1";
static const char FIND_NUMBER[] = SELECT_IMAGES " WHERE i.number = ?1";
static const char FIND_TAG[] = SELECT_IMAGES " JOIN snapshot AS s ON s.image = i.number AND s.source = i.config"
                                             " JOIN tag AS t ON t.snapshot = s.number"
                                             " JOIN namespace AS n ON n.id = t.namespace"
                                             " WHERE n.name = ?1 AND t.name = ?2";
static const char INSERT[] = "INSERT INTO image (config, config_blob, layers_blob, chain) VALUES (?1, ?2, ?3, ?4)";
static const char MOVE_TAG[] = "INSERT INTO tag (namespace, name, snapshot)"
                               " VALUES ((SELECT id FROM namespace WHERE name = ?1), ?2, ?3)"
                               " ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot"
                               " WHERE snapshot != excluded.snapshot";
static const char TAGS[] = "SELECT name FROM tag WHERE snapshot = ?1 ORDER BY name";
static const char WAITING[] =
    SELECT_SNAPSHOTS " JOIN waiting AS w ON w.snapshot = s.number WHERE w.wants = ?1 AND w.snapshot > ?2"
                     " AND NOT EXISTS (SELECT 1 FROM snapshot AS later WHERE later.namespace = s.namespace"
                     "  AND later.time = s.time AND later.number > s.number AND later.source IS s.source)"
                     " ORDER BY w.snapshot";

/* --- Tags --------------------------------------------------------------------------------------------------------- */

bool tag_is_valid(const char *tag)
{
    static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t size = strlen(tag);

    return size >= 1 && size <= TAG_SIZE_MAX && strspn(tag, inside) == size && *tag != '.' && *tag != '-';
}

int tag_refuse(const char *tag, struct error *err)
{
    return error_input(err, "\"%.*s\" can be no tag: it has 1 to %d letters, digits, '_', '.' or '-'", TAG_SIZE_MAX,
                       tag, TAG_SIZE_MAX);
}

const char *image_tag_of(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon && colon > name && tag_is_valid(colon + 1) ? colon + 1 : NULL;
}

int image_visit_tags(struct store *store, int64_t snapshot_number, int (*visit)(void *arg, const char *tag), void *arg,
                     struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, TAGS, err);
    int result;

    if (!rows)
        return -EIO;
    sqlite3_bind_int64(rows, 1, snapshot_number);
    while ((result = sql_step(store, rows, err)) == 1) {
        const char *tag = (const char *)sqlite3_column_text(rows, 0);

        result = tag ? visit(arg, tag) : sql_error(store, err);
        if (result != 0)
            break;
    }
    return result;
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

/* The row of a statement of SELECT_IMAGES. -ENOENT: there is none. */
static int read_row(struct image *image, struct store *store, sqlite3_stmt *find, struct error *err)
{
    int result = sql_step(store, find, err);

    if (result != 1)
        return result < 0 ? result : -ENOENT;
    image->number = sqlite3_column_int64(find, 0);
    image->config_blob = sqlite3_column_int64(find, 2);
    image->layers_blob = sqlite3_column_int64(find, 3);
    if (!sql_column_digest(&image->config, find, 1) || !sql_column_digest(&image->chain, find, 4))
        return error_system(err, EIO, "image %lld is damaged", (long long)image->number);
    return 0;
}

/* The same, and gc leaves it. The statement is reset. */
static int found(struct image *image, struct store *store, sqlite3_stmt **find, struct error *err)
{
    int result = read_row(image, store, *find, err);

    cleanup_reset_fn(find);
    return result < 0 ? result : sql_saw(store, OBJECT_IMAGE, image->number, err);
}

int image_find(struct image *image, struct store *store, const struct digest *config, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_CONFIG, err);

    if (!find)
        return -EIO;
    sql_bind_digest(find, 1, config);
    return found(image, store, &find, err);
}

int image_find_number(struct image *image, struct store *store, int64_t number, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_NUMBER, err);

    if (!find)
        return -EIO;
    sqlite3_bind_int64(find, 1, number);
    return found(image, store, &find, err);
}

int image_find_tag(struct image *image, struct store *store, const char *name, struct error *err)
{
    cleanup_reset sqlite3_stmt *find = sql_statement(store, FIND_TAG, err);
    const char *tag = image_tag_of(name);

    if (!find)
        return -EIO;
    if (!tag)
        return -ENOENT;
    sqlite3_bind_text(find, 1, name, (int)(tag - 1 - name), SQLITE_STATIC);
    sqlite3_bind_text(find, 2, tag, -1, SQLITE_STATIC);
    return found(image, store, &find, err);
}

int image_visit_waiting(struct store *store, const char *wants, int64_t after,
                        int (*visit)(void *arg, const struct snapshot *snapshot), void *arg, struct error *err)
{
    cleanup_reset sqlite3_stmt *rows = sql_statement(store, WAITING, err);

    if (!rows)
        return -EIO;
    sqlite3_bind_text(rows, 1, wants, -1, SQLITE_STATIC);
    sqlite3_bind_int64(rows, 2, after);
    return snapshot_visit_rows(store, rows, visit, arg, err);
}

/* --- Publishing --------------------------------------------------------------------------------------------------- */

static int insert_image(struct image *image, struct store *store, struct error *err)
{
    cleanup_reset sqlite3_stmt *add = sql_statement(store, INSERT, err);

    if (!add)
        return -EIO;
    sql_bind_digest(add, 1, &image->config);
    sqlite3_bind_int64(add, 2, image->config_blob);
    sqlite3_bind_int64(add, 3, image->layers_blob);
    sql_bind_digest(add, 4, &image->chain);
    int result = sql_step(store, add, err);
    image->number = sqlite3_last_insert_rowid(store->db);
    return result;
}

static int put_image(void *arg, struct snapshot *snapshot, struct store *store, struct error *err)
{
    const struct image_commit *commit = arg;
    int result = publish_layers(commit->alone, commit->count, LAYER_ALONE, store, err);

    if (result == 0)
        result = publish_chains(commit->chain, commit->alone, commit->count, commit->below, store, err);
    if (result == 0)
        result = image_find(commit->image, store, &commit->image->config, err);
    if (result == -ENOENT)
        result = insert_image(commit->image, store, err);
    snapshot->image = commit->image->number;
    return result;
}

static int move_tag(void *arg, const struct snapshot *snapshot, struct store *store, struct error *err)
{
    const struct image_commit *commit = arg;
    cleanup_reset sqlite3_stmt *move = sql_statement(store, MOVE_TAG, err);

    if (!move)
        return -EIO;
    sqlite3_bind_text(move, 1, snapshot->namespace, -1, SQLITE_STATIC);
    sqlite3_bind_text(move, 2, commit->tag, -1, SQLITE_STATIC);
    sqlite3_bind_int64(move, 3, snapshot->number);
    return sql_step(store, move, err);
}

int image_publish(bool *is_new, struct snapshot *snapshot, const struct image_commit *commit, struct store *store,
                  struct error *err)
{
    struct image_commit own = *commit;
    const struct publication with = {put_image, commit->tag ? move_tag : NULL, &own};

    if (commit->tag && !tag_is_valid(commit->tag))
        return tag_refuse(commit->tag, err);
    return publish(is_new, snapshot, &with, store, err);
}
