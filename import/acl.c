/* acl.c - <linux/posix_acl_xattr.h>: version 2, then tag, permissions and id of each, little-endian, in the order of
 * tags and ids. */
#include "import/acl.h"

#include <archive.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define ACL_VERSION 2
#define ACL_ENTRIES_MAX 8191 /* a value of 64 KiB */
#define ACL_NO_ID UINT32_MAX

struct acl_entry {
    uint16_t tag, permissions;
    uint32_t id;
};

/* libarchive's tags and Linux's, which rise in the order that a list has. */
static const struct {
    int tag;
    uint16_t linux_tag;
    bool has_id;
} TAGS[] = {
    {ARCHIVE_ENTRY_ACL_USER_OBJ, 0x01, false},  {ARCHIVE_ENTRY_ACL_USER, 0x02, true},
    {ARCHIVE_ENTRY_ACL_GROUP_OBJ, 0x04, false}, {ARCHIVE_ENTRY_ACL_GROUP, 0x08, true},
    {ARCHIVE_ENTRY_ACL_MASK, 0x10, false},      {ARCHIVE_ENTRY_ACL_OTHER, 0x20, false},
};

/* False: it cannot be told. */
static bool read_entry(struct acl_entry *out, int tag, int permissions, int id)
{
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++)
        if (TAGS[i].tag == tag && (!TAGS[i].has_id || id >= 0)) {
            *out = (struct acl_entry){TAGS[i].linux_tag, (uint16_t)(permissions & 7),
                                      TAGS[i].has_id ? (uint32_t)id : ACL_NO_ID};
            return true;
        }
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct acl_entry *x = a, *y = b;

    return x->tag != y->tag ? x->tag - y->tag : (x->id > y->id) - (x->id < y->id);
}

static void add_value(struct xattrs *xattrs, const char *name, const struct acl_entry *list, size_t count)
{
    struct buffer value cleanup_buffer = {0};
    uint32_t version = htole32(ACL_VERSION);

    buffer_add(&value, &version, sizeof version);
    for (size_t i = 0; i < count; i++) {
        struct acl_entry le = {htole16(list[i].tag), htole16(list[i].permissions), htole32(list[i].id)};

        buffer_add(&value, &le, sizeof le);
    }
    if (value.failed)
        xattrs->bytes.failed = true;
    else
        xattrs_add(xattrs, name, strlen(name), value.bytes, value.size);
}

static bool add_list(struct xattrs *xattrs, struct archive_entry *entry, int type, const char *name)
{
    int count = archive_entry_acl_reset(entry, type), kind, permissions, tag, id;
    struct acl_entry *list = count > 0 && count <= ACL_ENTRIES_MAX ? calloc((size_t)count, sizeof *list) : NULL;
    bool known = list;
    int used = 0;
    const char *who;

    while (known && used < count &&
           archive_entry_acl_next(entry, type, &kind, &permissions, &tag, &id, &who) == ARCHIVE_OK)
        known = read_entry(&list[used++], tag, permissions, id);
    if (known && used) {
        qsort(list, (size_t)used, sizeof *list, compare);
        add_value(xattrs, name, list, (size_t)used);
    }
    free(list);
    return known || count <= 0;
}

bool acl_add(struct xattrs *xattrs, struct archive_entry *entry)
{
    bool access = add_list(xattrs, entry, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, "system.posix_acl_access");

    return add_list(xattrs, entry, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, "system.posix_acl_default") && access;
}
