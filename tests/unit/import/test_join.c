/* What becomes of one record over one file of the image, case by case; and what images are called. */
#include "import/join.h"

#include "db/blob.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define T 1500000000ULL
#define NS 1000000000ULL

/* What the entry is, beside its name. */
enum outcome {
    OWN,    /* as it was recorded */
    IMAGES, /* the image's, whole */
    BOTH,   /* recorded mode, owner and mtime; content and extended attributes of the image */
    OWNED,  /* as it was recorded, but with the image's mode and owner */
};

struct side {
    uint32_t mode, uid, gid;
    uint64_t mtime;
    const char *content, *target;
    uint64_t size; /* without content */
    uint32_t flags, major;
    bool no_record;
};

/* Times in the second that agrees are the image's or the frame's, which has other nanoseconds. */
#define THERE (T * NS + 123)
#define HERE (T * NS + 250000000)
#define LATER ((T + 1) * NS)

#define SIDE(mode_, uid_, gid_, mtime_, ...)                                                                           \
    {                                                                                                                  \
        .mode = (mode_), .uid = (uid_), .gid = (gid_), .mtime = (mtime_), __VA_ARGS__                                  \
    }
/* Content that is held, a file without it, content without a record; a link. */
#define HELD(mode, uid, gid, mtime, text) SIDE(S_IFREG | (mode), uid, gid, mtime, .content = (text))
#define LOSSY(text) SIDE(S_IFREG | 0644, 0, 0, HERE, .content = (text), .flags = ENTRY_LOSSY)
#define LACKS(mode, uid, gid, mtime, bytes)                                                                            \
    SIDE(S_IFREG | (mode), uid, gid, mtime, .size = (bytes), .flags = ENTRY_ABSENT)
#define ALONE(text) SIDE(S_IFREG | 0644, 0, 0, 5, .content = (text), .no_record = true)
#define LINK(uid, mtime, text) SIDE(S_IFLNK | 0777, uid, 0, mtime, .target = (text))
#define OTHER(mode, mtime) SIDE(mode, 0, 0, mtime, .size = 0)
#define DEVICE(mode, mtime, number) SIDE(mode, 0, 0, mtime, .major = (number))

static const struct {
    const char *what;
    struct side below, own;
    enum outcome outcome;
} cases[] = {
    {"all agrees", HELD(0644, 0, 0, THERE, "four"), LACKS(0644, 0, 0, HERE, 4), IMAGES},
    {"another size", HELD(0644, 0, 0, THERE, "four"), LACKS(0644, 0, 0, HERE, 5), OWN},
    {"another second", HELD(0644, 0, 0, THERE, "four"), LACKS(0644, 0, 0, LATER, 4), OWN},
    {"changed mode", HELD(0644, 0, 0, THERE, "four"), LACKS(04755, 0, 0, HERE, 4), BOTH},
    {"changed owner", HELD(0644, 0, 0, THERE, "four"), LACKS(0644, 1000, 0, HERE, 4), BOTH},
    {"changed group", HELD(0644, 0, 0, THERE, "four"), LACKS(0644, 0, 1000, HERE, 4), BOTH},
    {"unknown size", HELD(0644, 0, 0, THERE, ""), LACKS(0644, 0, 0, HERE, 0), OWN},
    {"empty", HELD(0644, 0, 0, THERE, ""), HELD(0644, 0, 0, HERE, ""), IMAGES},
    {"empty, changed mode", HELD(0644, 0, 0, THERE, ""), HELD(0600, 0, 0, HERE, ""), BOTH},
    {"empty, was not", HELD(0644, 0, 0, THERE, "four"), HELD(0644, 0, 0, HERE, ""), OWN},
    {"captured, the same", HELD(0644, 0, 0, THERE, "four"), HELD(0644, 0, 0, HERE, "four"), IMAGES},
    {"captured, another", HELD(0644, 0, 0, THERE, "four"), HELD(0644, 0, 0, HERE, "FOUR"), OWN},
    {"captured, the same, later", HELD(0644, 0, 0, THERE, "four"), HELD(0644, 0, 0, LATER, "four"), OWN},
    {"captured, lossy", HELD(0644, 0, 0, THERE, "four"), LOSSY("four"), OWN},
    {"absent there, too", LACKS(0644, 0, 0, THERE, 4), LACKS(0644, 0, 0, HERE, 4), IMAGES},
    {"absent there, captured", LACKS(0644, 0, 0, THERE, 4), HELD(0644, 0, 0, HERE, "four"), OWN},
    {"a link there", LINK(0, THERE, "four"), LACKS(0644, 0, 0, HERE, 4), OWN},
    {"a directory there", OTHER(S_IFDIR | 0755, THERE), LACKS(0644, 0, 0, HERE, 4096), OWN},
    {"content alone, the same", HELD(0600, 7, 0, THERE, "four"), ALONE("four"), IMAGES},
    {"content alone, another", HELD(0600, 7, 8, THERE, "four"), ALONE("other"), OWNED},
    {"content alone, where a link is", LINK(0, THERE, "four"), ALONE("four"), OWN},
    {"a link", LINK(0, THERE, "a"), LINK(0, HERE, "a"), IMAGES},
    {"a link, elsewhere", LINK(0, THERE, "a"), LINK(0, HERE, "b"), OWN},
    {"a link, another owner", LINK(0, THERE, "a"), LINK(1, HERE, "a"), OWN},
    {"a link without target", LINK(0, THERE, "a"), SIDE(S_IFLNK | 0777, 0, 0, HERE, .size = 1, .flags = ENTRY_ABSENT),
     OWN},
    {"a directory", OTHER(S_IFDIR | 0755, THERE), OTHER(S_IFDIR | 0755, HERE), IMAGES},
    {"a directory, later", OTHER(S_IFDIR | 0755, THERE), OTHER(S_IFDIR | 0755, LATER), OWN},
    {"a directory, changed mode", OTHER(S_IFDIR | 0755, THERE), OTHER(S_IFDIR | 0700, HERE), OWN},
    {"a directory that was made there", SIDE(S_IFDIR | 0755, 0, 0, 0, .flags = ENTRY_MADE), OTHER(S_IFDIR | 0755, 0),
     OWN},
    {"a device", DEVICE(S_IFCHR | 0666, THERE, 1), DEVICE(S_IFCHR | 0666, HERE, 0), IMAGES},
    {"a device, changed mode", DEVICE(S_IFBLK | 0666, THERE, 1), DEVICE(S_IFBLK | 0660, HERE, 0), OWN},
    {"a device of another type", DEVICE(S_IFBLK | 0666, THERE, 1), DEVICE(S_IFCHR | 0666, HERE, 0), OWN},
    {"a fifo", OTHER(S_IFIFO | 0666, THERE), OTHER(S_IFIFO | 0666, HERE), IMAGES},
    {"a socket", OTHER(S_IFSOCK | 0666, THERE), OTHER(S_IFSOCK | 0666, HERE), IMAGES},
};
enum { CASES = sizeof cases / sizeof *cases };

static int no_conflict(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                       struct error *e)
{
    (void)arg, (void)conflict, (void)size, (void)tag, (void)e;
    fail_msg("a conflict at %s", path);
    return 0;
}

/* The entry of one side; those of the image have an extended attribute. */
static struct entry entry_of(struct entry_digests *digests, struct store *store, const struct side *side, bool xattrs)
{
    static const char attribute[] = "\0\0\0\1\0\0\0\6user.x\0\0\0\1y";
    struct entry entry = {.mode = side->mode,
                          .uid = side->uid,
                          .gid = side->gid,
                          .mtime = side->mtime,
                          .size = side->content ? strlen(side->content) : side->size,
                          .flags = side->flags,
                          .rdev_major = side->major,
                          .target = side->target};

    entry.target_size = side->target ? (uint16_t)strlen(side->target) : 0;
    if (side->target)
        entry.size = entry.target_size;
    *digests = (struct entry_digests){0};
    if (side->content)
        ok(blob_put(&entry.content, &digests->content, store, side->content, strlen(side->content), &err));
    if (xattrs)
        ok(blob_put(&entry.xattrs, &digests->xattrs, store, attribute, sizeof attribute - 1, &err));
    return entry;
}

static struct tree write_tree(struct store *store, const struct join_image *image)
{
    struct builder *b = builder_new(BUILDER_RECORDS, "/tmp");
    struct node_ref root, links;
    struct entry_digests digests;

    for (unsigned i = 0; i < CASES; i++) {
        const struct side *side = image ? &cases[i].own : &cases[i].below;
        struct entry entry = entry_of(&digests, store, side, !image);
        char path[16];

        int size = snprintf(path, sizeof path, "/%u", i);
        ok(builder_add(b, path, (size_t)size, &entry, &digests, side->no_record ? JOIN_NO_RECORD : i, &err));
    }
    ok(builder_settle(b, no_conflict, NULL, &err));
    if (image)
        ok(join_write(&root, &links, b, store, image, false, &err));
    else
        ok(builder_write(&root, &links, b, store, &err));
    builder_free(b);
    return tree_of(&root, &links);
}

static struct entry find(struct tree_reader *reader, struct tree tree, unsigned i)
{
    struct tree_place place;
    char path[16];

    snprintf(path, sizeof path, "/%u", i);
    ok(tree_walk(&place, reader, tree, path, strlen(path), &err));
    return *place.entry;
}

static struct entry expect(enum outcome outcome, struct entry own, struct entry below)
{
    struct entry entry = outcome == IMAGES ? below : own;

    if (outcome == BOTH) {
        entry.content = below.content;
        entry.xattrs = below.xattrs;
        entry.flags = below.flags;
    }
    if (outcome == OWNED) {
        entry.mode = below.mode;
        entry.uid = below.uid;
        entry.gid = below.gid;
    }
    return entry;
}

static void compare(const char *what, const struct entry *is, const struct entry *should)
{
    if (is->mode != should->mode || is->uid != should->uid || is->gid != should->gid || is->mtime != should->mtime ||
        is->size != should->size || is->flags != should->flags || is->content != should->content ||
        is->xattrs != should->xattrs || is->rdev_major != should->rdev_major ||
        is->target_size != should->target_size ||
        (is->target_size && memcmp(is->target, should->target, is->target_size) != 0))
        fail_msg("%s: mode %o, uid %u, mtime %llu, size %llu, flags %u, content %lld, xattrs %lld", what, is->mode,
                 is->uid, (unsigned long long)is->mtime, (unsigned long long)is->size, is->flags,
                 (long long)is->content, (long long)is->xattrs);
}

static void each_case_ends_as_it_should(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct tree_cache *cache;
    struct tree_reader *reader;
    (void)state;

    struct join_image image = {.number = 1, .tree = write_tree(store, NULL)};
    struct join_image none = {.number = 1};
    struct tree joined = write_tree(store, &image), own = write_tree(store, &none);
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    for (unsigned i = 0; i < CASES; i++) {
        struct entry is = find(reader, joined, i);
        struct entry should = expect(cases[i].outcome, find(reader, own, i), find(reader, image.tree, i));

        compare(cases[i].what, &is, &should);
    }
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
}

#define HEX "0ef2e08ed3fabfc44002ccb846c4f2416a2135affc3ce39538834059606f32dd"

static void images_have_one_name(void **state)
{
    static const struct {
        bool (*name_of)(char name[JOIN_NAME_SIZE], const char *text);
        const char *text, *name; /* NULL: it is none */
    } names[] = {
        {join_name_of_id, "sha256:" HEX, "sha256:" HEX},
        {join_name_of_id, HEX, "sha256:" HEX},
        {join_name_of_id, "SHA256:" HEX, NULL},
        {join_name_of_id, "0EF2E08ED3FABFC44002CCB846C4F2416A2135AFFC3CE39538834059606F32DD", "sha256:" HEX},
        {join_name_of_id, "sha256:" HEX "0", NULL},
        {join_name_of_id, "ubuntu:16.04", NULL},
        {join_name_of_id, "", NULL},
        {join_name_of_reference, "ubuntu:16.04", "docker.io/library/ubuntu:16.04"},
        {join_name_of_reference, "ubuntu", "docker.io/library/ubuntu:latest"},
        {join_name_of_reference, "host:5000/a/b", "host:5000/a/b:latest"},
        {join_name_of_reference, "quay.io/x/y@sha256:" HEX, NULL},
        {join_name_of_reference, "quay.io/x/y:1@sha256:" HEX, NULL},
        {join_name_of_reference, "Not A Name", NULL},
        {join_name_of_reference, "", NULL},
    };
    char name[JOIN_NAME_SIZE];
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool is = names[i].name_of(name, names[i].text);

        if (is != (names[i].name != NULL) || (is && strcmp(name, names[i].name) != 0))
            fail_msg("%s is %s", names[i].text, is ? name : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_ends_as_it_should),
        cmocka_unit_test(images_have_one_name),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
