/* join.c - see join.h. */
#include "import/join.h"

#include "base/timestamp.h"
#include "db/image.h"
#include "import/image_reference.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM "sha256:"

_Static_assert(JOIN_NAME_SIZE > REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX, "the longest reference and tag fit");
_Static_assert(JOIN_NAME_SIZE > sizeof ALGORITHM + DIGEST_HEX_SIZE, "an image id fits");

const struct join_uncrawled join_uncrawled[] = {
    {"/boot", 0755},
    {"/dev", 0755},
    {"/mnt", 0755},
    {"/proc", 0555},
    {"/sys", 0555},
    {"/tmp", 01777},
    {"/usr/share/doc", 0755},
    {"/usr/share/man", 0755},
    {"/usr/share/mime", 0755},
    {"/var/cache", 0755},
    {NULL, 0},
};

/* --- Names -------------------------------------------------------------------------------------------------------- */

static bool read_id(struct digest *config, const char *id)
{
    if (strncmp(id, ALGORITHM, strlen(ALGORITHM)) == 0)
        id += strlen(ALGORITHM);
    return hex_decode(config->bytes, DIGEST_SIZE, id, strlen(id));
}

void join_name_of_digest(char name[JOIN_NAME_SIZE], const struct digest *config)
{
    strcpy(name, ALGORITHM);
    hex_encode(name + strlen(ALGORITHM), config->bytes, DIGEST_SIZE);
}

bool join_name_of_id(char name[JOIN_NAME_SIZE], const char *id)
{
    struct digest config;

    if (!read_id(&config, id))
        return false;
    join_name_of_digest(name, &config);
    return true;
}

bool join_name_of_tag(char name[JOIN_NAME_SIZE], const char *namespace, const char *tag)
{
    return (size_t)snprintf(name, JOIN_NAME_SIZE, "%s:%s", namespace, tag) < JOIN_NAME_SIZE;
}

bool join_name_of_reference(char name[JOIN_NAME_SIZE], const char *text)
{
    struct image_reference reference;

    if (strchr(text, '@') || !reference_parse(&reference, text))
        return false;
    return join_name_of_tag(name, reference.name, reference.tag[0] ? reference.tag : "latest");
}

/* --- Finding ------------------------------------------------------------------------------------------------------ */

static int find_chain(struct join_image *found, struct store *store, const struct image *image, struct error *err)
{
    struct layer chain;
    int rc = layer_find(&chain, store, LAYER_CHAIN, &image->chain, err);

    *found = (struct join_image){.number = image->number};
    if (rc == 0)
        found->tree = tree_of(&chain.root, &chain.links);
    return rc == -ENOENT ? 0 : rc;
}

int join_find(struct join_image *found, struct store *store, const char *name, struct error *err)
{
    struct digest config;
    struct image image;
    bool is_id = strncmp(name, ALGORITHM, strlen(ALGORITHM)) == 0 && read_id(&config, name);
    int rc = is_id ? image_find(&image, store, &config, err) : image_find_tag(&image, store, name, err);

    return rc < 0 ? rc : find_chain(found, store, &image, err);
}

int join_find_number(struct join_image *found, struct store *store, int64_t number, struct error *err)
{
    struct image image;
    int rc = image_find_number(&image, store, number, err);

    return rc < 0 ? rc : find_chain(found, store, &image, err);
}

/* --- Agreeing ----------------------------------------------------------------------------------------------------- */

static bool same_owner(const struct entry *a, const struct entry *b)
{
    return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid;
}

/* Frames have times as floats, so their nanoseconds are nobody's. */
static bool same_time(const struct entry *a, const struct entry *b)
{
    return a->mtime / NANOSECONDS == b->mtime / NANOSECONDS;
}

static bool same_target(const struct entry *a, const struct entry *b)
{
    return a->target && b->target && a->target_size == b->target_size &&
           memcmp(a->target, b->target, a->target_size) == 0;
}

/* May the image's content be the file's? A frame that does not tell its size tells too little. */
static bool same_content(const struct entry *entry, const struct entry_digests *digests, const struct entry *below,
                         const struct entry_digests *below_digests)
{
    if (entry->size != below->size || !same_time(entry, below))
        return false;
    if (!entry->content)
        return entry->size > 0;
    return below->content && digest_equal(&digests->content, &below_digests->content);
}

static bool take_whole(struct entry *entry, struct entry_digests *digests, const struct entry *below,
                       const struct entry_digests *below_digests)
{
    *entry = *below;
    *digests = *below_digests;
    return true;
}

/* A frame of nothing but contents tells nothing of their files, so the image does. */
static bool take_owner(struct entry *entry, struct entry_digests *digests, const struct entry *below,
                       const struct entry_digests *below_digests)
{
    if (below->content && !(entry->flags & ENTRY_LOSSY) && digest_equal(&digests->content, &below_digests->content))
        return take_whole(entry, digests, below, below_digests);
    entry->mode = below->mode;
    entry->uid = below->uid;
    entry->gid = below->gid;
    return false;
}

/* Whatever was done to a file in the container but to its content stays to be seen. */
static bool agree_file(struct entry *entry, struct entry_digests *digests, const struct entry *below,
                       const struct entry_digests *below_digests)
{
    if (!same_content(entry, digests, below, below_digests))
        return false;
    if (same_owner(entry, below))
        return take_whole(entry, digests, below, below_digests);
    entry->content = below->content;
    entry->xattrs = below->xattrs;
    entry->flags = below->flags;
    digests->content = below_digests->content;
    digests->xattrs = below_digests->xattrs;
    return false;
}

static bool agree(uint64_t tag, struct entry *entry, struct entry_digests *digests, const struct entry *below,
                  const struct entry_digests *below_digests)
{
    if ((entry->mode & S_IFMT) != (below->mode & S_IFMT) || below->flags & ENTRY_MADE)
        return false;
    if (tag == JOIN_NO_RECORD)
        return S_ISREG(entry->mode) && take_owner(entry, digests, below, below_digests);
    if (entry->flags & (ENTRY_LOSSY | ENTRY_MADE))
        return false;
    if (S_ISREG(entry->mode))
        return agree_file(entry, digests, below, below_digests);
    if (!same_owner(entry, below) || !same_time(entry, below) || entry->size != below->size ||
        (S_ISLNK(entry->mode) && !same_target(entry, below)))
        return false;
    return take_whole(entry, digests, below, below_digests);
}

int join_write(struct node_ref *root, struct node_ref *links, struct builder *builder, struct store *store,
               const struct join_image *image, bool whole, struct error *err)
{
    int rc = builder_over(builder, &(struct builder_base){.tree = image->tree, .keep = whole, .agree = agree}, err);

    return rc < 0 ? rc : builder_write(root, links, builder, store, err);
}

int join_write_and_compare(struct node_ref *root, struct node_ref *links, bool *differs, struct builder *builder,
                           struct store *store, const struct join_image *image, bool whole, struct error *err)
{
    struct node_ref alone, no_links;
    int rc = join_write(root, links, builder, store, image, whole, err);

    *differs = true;
    if (rc < 0 || links->counts.entries > 0 || builder_differs(builder))
        return rc;
    rc = builder_over(builder, &(struct builder_base){0}, err);
    if (rc == 0)
        rc = builder_write(&alone, &no_links, builder, store, err);
    *differs = rc == 0 && !digest_equal(&alone.digest, &root->digest);
    return rc;
}
