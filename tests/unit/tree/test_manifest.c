/* The manifest, against one that was written by hand: every type of file, every way of knowing, names of any bytes. */
#include "tree/manifest.h"

#include "db/blob.h"
#include "db/cut.h"
#include "db/snapshot.h"
#include "import/builder.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"
#include "tree/features.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* As sha256sum(1) has them: of "hello\n", and of nothing. */
#define HELLO "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SECONDS 1489251869702927000ULL
#define TIME "\"mtime\":\"2017-03-11T17:04:29.702927Z\""
#define EPOCH "\"mtime\":\"1970-01-01T00:00:00Z\""
#define ROOTS "\"uid\":0,\"gid\":0"

static const struct {
    const char *path, *target, *content;
    struct entry entry;
    const char *rest; /* of the line, behind the path */
} files[] = {
    {"/",
     NULL,
     NULL,
     {.mode = S_IFDIR | 0755, .mtime = SECONDS},
     "/\",\"type\":\"dir\",\"mode\":\"0755\"," ROOTS ",\"size\":4096," TIME ",\"known\":\"captured\"}"},
    {"/absent",
     NULL,
     NULL,
     {.mode = S_IFREG | 0640, .uid = 1, .gid = UINT32_MAX, .size = 1ULL << 40, .flags = ENTRY_ABSENT},
     "/absent\",\"type\":\"file\",\"mode\":\"0640\",\"uid\":1,\"gid\":4294967295,\"size\":1099511627776," EPOCH
     ",\"known\":\"absent\"}"},
    {"/block",
     NULL,
     NULL,
     {.mode = S_IFBLK | 0660, .rdev_major = 8, .rdev_minor = 17},
     "/block\",\"type\":\"block\",\"mode\":\"0660\"," ROOTS ",\"size\":0," EPOCH
     ",\"major\":8,\"minor\":17,\"known\":\"captured\"}"},
    {"/char",
     NULL,
     NULL,
     {.mode = S_IFCHR | 0666, .rdev_major = 1, .rdev_minor = 3, .flags = ENTRY_MADE},
     "/char\",\"type\":\"char\",\"mode\":\"0666\"," ROOTS ",\"size\":0," EPOCH
     ",\"major\":1,\"minor\":3,\"known\":\"made\"}"},
    {"/empty",
     NULL,
     "",
     {.mode = S_IFREG | 0600},
     "/empty\",\"type\":\"file\",\"mode\":\"0600\"," ROOTS ",\"size\":0," EPOCH
     ",\"known\":\"captured\",\"sha256\":\"" NOTHING "\"}"},
    {"/etc",
     NULL,
     NULL,
     {.mode = S_IFDIR | 01777, .mtime = SECONDS},
     "/etc\",\"type\":\"dir\",\"mode\":\"1777\"," ROOTS ",\"size\":4096," TIME ",\"known\":\"captured\"}"},
    {"/etc/hello",
     NULL,
     "hello\n",
     {.mode = S_IFREG | 06755, .mtime = SECONDS, .size = 6},
     "/etc/hello\",\"type\":\"file\",\"mode\":\"6755\"," ROOTS ",\"size\":6," TIME
     ",\"nlink\":2,\"known\":\"captured\",\"sha256\":\"" HELLO "\"}"},
    {"/etc/hullo",
     NULL,
     "hello\n",
     {.mode = S_IFREG | 06755, .mtime = SECONDS, .size = 6},
     "/etc/hullo\",\"type\":\"file\",\"mode\":\"6755\"," ROOTS ",\"size\":6," TIME
     ",\"nlink\":2,\"known\":\"captured\",\"sha256\":\"" HELLO "\"}"},
    {"/etc/lossy",
     NULL,
     "hello\n",
     {.mode = S_IFREG | 0644, .size = 6, .flags = ENTRY_LOSSY},
     "/etc/lossy\",\"type\":\"file\",\"mode\":\"0644\"," ROOTS ",\"size\":6," EPOCH
     ",\"known\":\"lossy\",\"sha256\":\"" HELLO "\"}"},
    {"/link",
     "etc/\"hello\"",
     NULL,
     {.mode = S_IFLNK | 0777, .size = 11},
     "/link\",\"type\":\"link\",\"mode\":\"0777\"," ROOTS ",\"size\":11," EPOCH
     ",\"target\":\"etc/\\\"hello\\\"\",\"known\":\"captured\"}"},
    {"/na\xc3\xafve\n\xff",
     NULL,
     NULL,
     {.mode = S_IFIFO | 0600},
     "/na\xc3\xafve\\u000a\\udcff\",\"type\":\"pipe\",\"mode\":\"0600\"," ROOTS ",\"size\":0," EPOCH
     ",\"known\":\"captured\"}"},
    {"/sock",
     NULL,
     NULL,
     {.mode = S_IFSOCK | 0777, .mtime = 4294967295999999999ULL},
     "/sock\",\"type\":\"socket\",\"mode\":\"0777\"," ROOTS
     ",\"size\":0,\"mtime\":\"2106-02-07T06:28:15.999999999Z\",\"known\":\"captured\"}"},
};
#define FILES (sizeof files / sizeof *files)

/* All that is known of a snapshot besides; what is no note is not in the manifest. */
static const struct {
    const char *type, *key, *value;
} records[] = {
    {"os", "linux", "{\"os\":\"debian\"}"},
    {FEATURE_NOTE, "/etc/lossy", "{\"held\":6,\"size\":7,\"what\":\"lossy\"}"},
    {FEATURE_NOTE, "/x/../y", "{\"what\":\"left-out\"}"},
};
static const char *const notes[] = {
    "/etc/lossy\",\"note\":{\"held\":6,\"size\":7,\"what\":\"lossy\"}}",
    "/x/../y\",\"note\":{\"what\":\"left-out\"}}",
};
#define NOTES (sizeof notes / sizeof *notes)

static void make_tree(struct node_ref *root, struct store *store)
{
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");
    struct node_ref links;

    for (size_t i = FILES; i-- > 0;) {
        struct entry entry = files[i].entry;

        entry.target = files[i].target;
        entry.target_size = entry.target ? (uint16_t)strlen(entry.target) : 0;
        ok(builder_add(builder, files[i].path, strlen(files[i].path), &entry, NULL, i, &err));
    }
    ok(builder_settle(builder, NULL, NULL, &err));
    for (size_t i = 0; i < FILES; i++) {
        const char *content = files[i].content;

        if (content)
            scratch_set_content(builder, store, files[i].path, content, strlen(content));
    }
    ok(builder_write(root, &links, builder, store, &err));
    builder_free(builder);
}

static void make_records(struct node_ref *features, struct store *store)
{
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_FEATURES, &err));
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct feature feature = {
            .type = records[i].type,
            .key = records[i].key,
            .value = records[i].value,
            .type_size = (uint32_t)strlen(records[i].type),
            .key_size = (uint32_t)strlen(records[i].key),
            .value_size = (uint32_t)strlen(records[i].value),
        };

        ok(cutter_add_feature(cutter, &feature, &err));
    }
    ok(cutter_finish(features, cutter, &err));
    cutter_free(cutter);
}

static void make_links(struct node_ref *links, struct store *store)
{
    static const char paths[] = "etc/hello\0etc/hullo";
    struct cutter *cutter;

    ok(cutter_new(&cutter, store, NODE_LINKS, &err));
    ok(cutter_add_group(cutter, &(struct link_group){paths, sizeof paths, 2}, &err));
    ok(cutter_finish(links, cutter, &err));
    cutter_free(cutter);
}

static int compare(void *arg, const void *bytes, size_t size)
{
    size_t *line = arg;
    char expected[512];

    assert_true(*line < FILES + NOTES);
    int length = snprintf(expected, sizeof expected, "{\"path\":\"%s\n",
                          *line < FILES ? files[*line].rest : notes[*line - FILES]);
    if (size != (size_t)length || memcmp(bytes, expected, size) != 0)
        fail_msg("line %zu:\n%.*sexpected\n%s", *line, (int)size, (const char *)bytes, expected);
    ++*line;
    return 0;
}

static int refuse(void *arg, const void *bytes, size_t size)
{
    (void)arg, (void)bytes, (void)size;
    return -ENOSPC;
}

static void it_is_as_written_by_hand(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot snapshot = {.namespace = "manifest", .format = "frame"};
    struct tree_cache *cache;
    struct tree_reader *reader;
    size_t lines = 0;
    (void)state;

    make_tree(&snapshot.root, store);
    make_records(&snapshot.features, store);
    make_links(&snapshot.links, store);
    ok(store_flush(store, &err));
    ok(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err));
    ok(tree_reader_new(&reader, store, cache, &err));
    ok(manifest_write(reader, &snapshot, compare, &lines, &err));
    assert_int_equal(lines, FILES + NOTES);
    assert_int_equal(manifest_write(reader, &snapshot, refuse, NULL, &err), -ENOSPC);
    tree_reader_free(reader);
    tree_cache_free(cache);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_written_by_hand),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
