/* canonical.c - items to bytes. Integers are big-endian; a byte string is preceded by its length in four bytes. */
#include "db/canonical.h"

#include "base/bytes.h"

#include <string.h>

enum { CANONICAL_VERSION = 1 };

/* Which of the optional parts follow an entry's fixed ones. */
enum { HAS_TARGET = 1, HAS_CONTENT = 2, HAS_XATTRS = 4, HAS_SUBTREE = 8 };

static void add_string(struct buffer *out, const void *bytes, size_t size)
{
    buffer_add_be32(out, (uint32_t)size);
    buffer_add(out, bytes, size);
}

static void add_digest(struct buffer *out, const struct digest *digest)
{
    buffer_add(out, digest->bytes, DIGEST_SIZE);
}

static void add_counts(struct buffer *out, const struct counts *counts)
{
    buffer_add_be32(out, counts->entries);
    buffer_add_be32(out, counts->dirs);
    buffer_add_be32(out, counts->nodes);
}

void canonical_node_begin(struct buffer *out)
{
    static const uint8_t room[CANONICAL_NODE_HEADER];

    buffer_clear(out);
    buffer_add(out, room, sizeof room);
}

void canonical_node_header(struct buffer *out, enum node_kind kind, unsigned level, unsigned count)
{
    const uint8_t header[CANONICAL_NODE_HEADER] = {
        'n', 'o', 'd', 'e', CANONICAL_VERSION, (uint8_t)kind, (uint8_t)level, (uint8_t)count};

    if (!out->failed)
        memcpy(out->bytes, header, sizeof header);
}

void canonical_child(struct buffer *out, const struct node_child *child)
{
    add_string(out, child->first, child->first_size);
    add_digest(out, &child->node.digest);
    add_counts(out, &child->node.counts);
}

void canonical_entry(struct buffer *out, const struct entry *entry, const struct entry_digests *digests)
{
    unsigned has = (entry->target ? HAS_TARGET : 0u) | (entry->content ? HAS_CONTENT : 0u) |
                   (entry->xattrs ? HAS_XATTRS : 0u) | (entry->subtree ? HAS_SUBTREE : 0u);

    add_string(out, entry->name, entry->name_size);
    buffer_add_be32(out, entry->mode);
    buffer_add_be32(out, entry->uid);
    buffer_add_be32(out, entry->gid);
    buffer_add_be64(out, entry->size);
    buffer_add_be64(out, entry->mtime);
    buffer_add_be32(out, entry->rdev_major);
    buffer_add_be32(out, entry->rdev_minor);
    buffer_add_byte(out, (uint8_t)entry->flags);
    buffer_add_byte(out, (uint8_t)has);
    if (has & HAS_TARGET)
        add_string(out, entry->target, entry->target_size);
    if (has & HAS_CONTENT)
        add_digest(out, &digests->content);
    if (has & HAS_XATTRS)
        add_digest(out, &digests->xattrs);
    if (has & HAS_SUBTREE) {
        add_digest(out, &digests->subtree);
        add_counts(out, &entry->below);
    }
}

void canonical_feature(struct buffer *out, const struct feature *feature, const struct digest *value)
{
    add_string(out, feature->type, feature->type_size);
    add_string(out, feature->key, feature->key_size);
    add_digest(out, value);
}

void canonical_group(struct buffer *out, const struct link_group *group)
{
    const char *path = group->paths;

    buffer_add_be32(out, group->count);
    for (uint32_t i = 0; i < group->count; i++) {
        size_t size = strlen(path);

        add_string(out, path, size);
        path += size + 1;
    }
}

void canonical_snapshot(struct buffer *out, const struct snapshot *snapshot)
{
    static const uint8_t header[] = {'s', 'n', 'a', 'p', CANONICAL_VERSION};

    buffer_add(out, header, sizeof header);
    add_string(out, snapshot->namespace, strlen(snapshot->namespace));
    buffer_add_be64(out, snapshot->time);
    buffer_add_byte(out, snapshot->has_source);
    if (snapshot->has_source)
        add_digest(out, &snapshot->source);
    add_digest(out, &snapshot->root.digest);
    add_digest(out, &snapshot->links.digest);
    add_digest(out, &snapshot->features.digest);
}
