/* lay.c - made files over a tree: as an image's layer lies over those below, but what is there already stays. */
#include "import/veneer/veneer.h"

#include "import/builder.h"
#include "tree/reader.h"

#include <errno.h>
#include <string.h>

#define LAY_CACHE (8u << 20) /* bytes of nodes: made files come directory by directory */

struct laying {
    struct builder *builder;
    struct tree_reader *reader;
    struct tree tree;
};

/* A file without content gets the made one. */
static bool fills(struct entry *entry, const struct entry *there)
{
    if (!S_ISREG(entry->mode) || !S_ISREG(there->mode) || !(there->flags & ENTRY_ABSENT))
        return false;
    entry->mode = there->mode;
    entry->uid = there->uid;
    entry->gid = there->gid;
    entry->mtime = there->mtime;
    return true;
}

static int lay_one(struct laying *l, const struct journal_record *record, struct error *err)
{
    struct entry entry = record->entry;
    struct tree_place there;
    int rc = tree_walk(&there, l->reader, l->tree, record->path, record->path_size, err);
    bool stands = rc == -ENOTDIR || (rc == 0 && !fills(&entry, there.entry));

    tree_reader_rest(l->reader);
    if (rc == -ESTALE)
        return error_refused(err, EIO, "a tree is not in the store");
    if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
        return rc;
    return stands ? 0 : builder_add(l->builder, record->path, record->path_size, &entry, &record->digests, 0, err);
}

/* What the tree leaves no place for. */
static int ignore(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                  struct error *err)
{
    (void)arg, (void)conflict, (void)path, (void)size, (void)tag, (void)err;
    return 0;
}

static int lay(struct node_ref *root, struct node_ref *links, struct laying *l, struct journal *journal,
               struct store *store, struct error *err)
{
    const struct builder_base base = {.reader = l->reader, .tree = l->tree, .keep = true};
    struct journal_record record;
    int rc = builder_over(l->builder, &base, err);

    for (uint64_t at = 0, next; at < journal_end(journal) && rc == 0; at = next) {
        rc = journal_read(&record, &next, journal, at, err);
        if (rc == 0)
            rc = lay_one(l, &record, err);
    }
    if (rc == 0)
        rc = builder_settle(l->builder, ignore, NULL, err);
    return rc < 0 ? rc : builder_write(root, links, l->builder, store, err);
}

int veneer_lay(struct node_ref *root, struct node_ref *links, struct journal *journal, struct store *store,
               struct error *err)
{
    struct tree_cache *cache = NULL;
    struct laying l = {.tree = tree_of(root, links)};
    int rc = tree_cache_new(&cache, LAY_CACHE, err);

    if (rc == 0)
        rc = tree_reader_new(&l.reader, store, cache, err);
    if (rc == 0) {
        l.builder = builder_new(BUILDER_CHAIN, store_directory(store));
        rc = l.builder ? lay(root, links, &l, journal, store, err) : error_system(err, ENOMEM, "the veneer");
    }
    builder_free(l.builder);
    tree_reader_free(l.reader);
    tree_cache_free(cache);
    return rc;
}
