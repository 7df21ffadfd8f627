/* Images: published whole and once, with layers, chains and tags; frames that wait for one; stores that are older. */
#include "db/image.h"

#include "db/blob.h"
#include "db/schema.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LAYERS 3

static int clean(void **state)
{
    (void)state;
    scratch_make();
    scratch_remove();
    return mkdir(scratch_make(), 0700);
}

static struct digest digest_of(const char *text)
{
    struct sha256 *sha = sha256_new();
    struct digest digest;

    sha256_of(&digest, sha, text, strlen(text));
    sha256_free(sha);
    return digest;
}

static int64_t put(struct digest *digest, struct store *store, const char *text)
{
    int64_t id;

    ok(blob_put(&id, digest, store, text, strlen(text), &err));
    return id;
}

/* --- Names -------------------------------------------------------------------------------------------------------- */

static void chain_ids_are_those_of_oci(void **state)
{
    struct digest a, b, chain;
    char hex[DIGEST_HEX_SIZE];
    (void)state;

    memset(a.bytes, 0xaa, DIGEST_SIZE);
    memset(b.bytes, 0xbb, DIGEST_SIZE);
    layer_chain_id(&chain, NULL, &a);
    assert_true(digest_equal(&chain, &a));
    layer_chain_id(&chain, &a, &b);
    hex_encode(hex, chain.bytes, DIGEST_SIZE);
    assert_string_equal(hex, "ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
}

static void tags_are_told_from_namespaces(void **state)
{
    static const struct {
        const char *name, *tag;
    } names[] = {
        {"docker.io/library/nginx:1.25", "1.25"},
        {"host:5000/x:1.25", "1.25"},
        {"host:5000/x", NULL},
        {"a:b:c", "c"},
        {"a@b:c", "c"},
        {"a:", NULL},
        {":a", NULL},
        {"a", NULL},
        {"", NULL},
        {"a:_.-Z9", "_.-Z9"},
        {"a:.b", NULL},
        {"a:-b", NULL},
        {"a:b c", NULL},
        {"a:\xff", NULL},
    };
    char longest[TAG_SIZE_MAX + 4] = "n:";
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *tag = image_tag_of(names[i].name);

        if (!names[i].tag != !tag || (tag && strcmp(tag, names[i].tag) != 0))
            fail_msg("%s: %s", names[i].name, tag ? tag : "none");
    }
    memset(longest + 2, 't', TAG_SIZE_MAX);
    assert_non_null(image_tag_of(longest));
    longest[2 + TAG_SIZE_MAX] = 't';
    assert_null(image_tag_of(longest));
}

/* --- Publishing --------------------------------------------------------------------------------------------------- */

struct made {
    struct snapshot snapshot;
    struct image image;
    struct layer alone[LAYERS], chain[LAYERS];
    struct image_commit commit;
};

/* An image of some layers, in a namespace and under a tag. Modes tell trees apart: those of two images that have the
 * same layers are the same. */
static void make(struct made *m, struct store *store, const char *namespace, const char *tag, const char *config,
                 const char *const *layers, size_t count)
{
    struct digest unused;

    *m = (struct made){.snapshot = {.namespace = namespace, .time = 5, .format = "oci", .has_source = true}};
    for (size_t i = 0; i < count; i++) {
        struct layer *alone = &m->alone[i], *chain = &m->chain[i];

        alone->digest = digest_of(layers[i]);
        layer_chain_id(&chain->digest, i ? &m->chain[i - 1].digest : NULL, &alone->digest);
        scratch_root(&alone->root, store, alone->digest.bytes[0]);
        scratch_root(&chain->root, store, chain->digest.bytes[0]);
        ok(node_empty(&alone->links, store, NODE_LINKS, &err));
        ok(node_empty(&alone->notes, store, NODE_FEATURES, &err));
        chain->links = alone->links;
        chain->notes = alone->notes;
        m->image.chain = chain->digest;
        m->snapshot.root = chain->root;
    }
    if (!count)
        scratch_root(&m->snapshot.root, store, 0755);
    ok(node_empty(&m->snapshot.links, store, NODE_LINKS, &err));
    ok(node_empty(&m->snapshot.features, store, NODE_FEATURES, &err));
    m->image.config_blob = put(&m->image.config, store, config);
    m->image.layers_blob = put(&unused, store, "[]");
    m->snapshot.source = m->image.config;
    m->commit = (struct image_commit){&m->image, m->alone, m->chain, count, tag, 0};
}

static bool publish(struct made *m, struct store *store, const char *namespace, const char *tag, const char *config,
                    const char *const *layers, size_t count)
{
    bool is_new = false;

    make(m, store, namespace, tag, config, layers, count);
    ok(image_publish(&is_new, &m->snapshot, &m->commit, store, &err));
    return is_new;
}

static void same_image(const struct image *a, const struct image *b)
{
    assert_int_equal(a->number, b->number);
    assert_true(digest_equal(&a->config, &b->config) && digest_equal(&a->chain, &b->chain));
    assert_int_equal(a->config_blob, b->config_blob);
    assert_int_equal(a->layers_blob, b->layers_blob);
}

static void same_layer(struct store *store, enum layer_kind kind, const struct layer *expected)
{
    struct layer found;

    for (int by_number = 0; by_number < 2; by_number++) {
        ok(by_number ? layer_find_number(&found, store, kind, expected->number, &err)
                     : layer_find(&found, store, kind, &expected->digest, &err));
        assert_int_equal(found.number, expected->number);
        assert_true(digest_equal(&found.digest, &expected->digest));
        assert_int_equal(found.root.id, expected->root.id);
        assert_true(digest_equal(&found.root.digest, &expected->root.digest));
        assert_int_equal(found.root.counts.nodes, expected->root.counts.nodes);
        assert_int_equal(found.links.id, expected->links.id);
        assert_int_equal(found.notes.id, expected->notes.id);
    }
}

static const char *const base[] = {"base", "packages", "program"};
static const char *const other[] = {"base", "other packages"};

static int collect(void *arg, const struct layer *layer)
{
    int64_t *sum = arg;

    *sum = *sum * 10 + layer->number;
    return layer->number == 9 ? 9 : 0;
}

static void images_are_published_whole(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct made m, second;
    struct image found;
    struct snapshot s;
    struct digest none = {{0}};
    uint64_t before[3], after[3];
    int64_t numbers = 0;
    static const char *const directories[] = {"/snap", "/layer", "/chain"};
    (void)state;

    for (int i = 0; i < 3; i++)
        ok(store_directory_mtime(&before[i], store, directories[i], &err));
    assert_true(before[0] > 0 && before[1] > 0 && before[2] > 0);
    assert_true(publish(&m, store, "docker.io/library/x", "1.0", "config", base, 3));
    assert_true(m.image.number > 0 && m.snapshot.number > 0 && m.snapshot.image == m.image.number);
    for (int i = 0; i < 3; i++) {
        ok(store_directory_mtime(&after[i], store, directories[i], &err));
        assert_true(after[i] > before[i]);
        same_layer(store, LAYER_ALONE, &m.alone[i]);
        same_layer(store, LAYER_CHAIN, &m.chain[i]);
    }
    ok(image_find(&found, store, &m.image.config, &err));
    same_image(&found, &m.image);
    ok(image_find_number(&found, store, m.image.number, &err));
    same_image(&found, &m.image);
    ok(image_find_tag(&found, store, "docker.io/library/x:1.0", &err));
    same_image(&found, &m.image);
    ok(snapshot_find(&s, store, m.snapshot.id, &err));
    assert_int_equal(s.image, m.image.number);
    assert_null(s.wants);
    /* A second one on the same base: what is there stays what it is. */
    assert_true(publish(&second, store, "docker.io/library/y", NULL, "config 2", other, 2));
    assert_int_equal(second.alone[0].number, m.alone[0].number);
    assert_int_equal(second.chain[0].number, m.chain[0].number);
    assert_int_equal(second.alone[1].number, 4);
    ok(layer_visit(store, LAYER_ALONE, 0, collect, &numbers, &err));
    assert_int_equal(numbers, 1234);
    numbers = 0;
    ok(layer_visit(store, LAYER_CHAIN, 2, collect, &numbers, &err));
    assert_int_equal(numbers, 34);
    /* What is not here. */
    assert_int_equal(image_find(&found, store, &none, &err), -ENOENT);
    assert_int_equal(image_find_number(&found, store, 100, &err), -ENOENT);
    assert_int_equal(image_find_tag(&found, store, "docker.io/library/x:2.0", &err), -ENOENT);
    assert_int_equal(image_find_tag(&found, store, "docker.io/library/y:1.0", &err), -ENOENT);
    assert_int_equal(image_find_tag(&found, store, "docker.io/library/x", &err), -ENOENT);
    assert_int_equal(layer_find(&m.alone[0], store, LAYER_CHAIN, &none, &err), -ENOENT);
    assert_int_equal(layer_find(&m.alone[0], store, LAYER_ALONE, &m.chain[1].digest, &err), -ENOENT);
    assert_int_equal(layer_find_number(&m.alone[0], store, LAYER_ALONE, 100, &err), -ENOENT);
    store_close(store);
}

static int join(void *arg, const char *tag)
{
    char *text = arg;

    strcat(strcat(text, tag), " ");
    return strcmp(tag, "stop") == 0 ? 7 : 0;
}

static void expect_tags(struct store *store, const struct made *m, const char *expected)
{
    char text[256] = "";

    ok(image_visit_tags(store, m->snapshot.number, join, text, &err));
    assert_string_equal(text, expected);
}

static void expect_tag(struct store *store, const char *name, const struct made *m)
{
    struct snapshot s;

    ok(snapshot_resolve(&s, store, name, &err));
    assert_int_equal(s.number, m->snapshot.number);
}

static void expect_refusal(struct store *store, const char *name, const char *why)
{
    struct snapshot s;

    assert_int_equal(snapshot_resolve(&s, store, name, &err), -EBADMSG);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, err.text, why);
}

static void tags_move(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct made old, new, again, elsewhere, at;
    char text[256] = "";
    bool is_new;
    (void)state;

    assert_true(publish(&old, store, "host:5000/x", "latest", "old", base, 2));
    assert_false(publish(&again, store, "host:5000/x", "1.0", "old", base, 2));
    assert_int_equal(again.snapshot.number, old.snapshot.number);
    assert_int_equal(again.image.number, old.image.number);
    assert_true(publish(&elsewhere, store, "host:5000/y", "latest", "old", base, 2));
    assert_int_equal(elsewhere.image.number, old.image.number);
    expect_tags(store, &old, "1.0 latest ");
    assert_true(publish(&new, store, "host:5000/x", "latest", "new", base, 3));
    expect_tags(store, &old, "1.0 ");
    expect_tags(store, &new, "latest ");
    expect_tags(store, &elsewhere, "latest ");
    expect_tag(store, "host:5000/x:1.0", &old);
    expect_tag(store, "host:5000/x:latest", &new);
    expect_tag(store, "host:5000/y:latest", &elsewhere);
    /* Back again, to one that is there: only the tag moves. */
    assert_false(publish(&again, store, "host:5000/x", "latest", "old", base, 2));
    expect_tag(store, "host:5000/x:latest", &old);
    expect_tags(store, &new, "");
    /* A time behind the last '@' is a time; what else stands there may be a namespace and its tag. */
    assert_true(publish(&at, store, "a@b", "v1", "at", base, 1));
    expect_tag(store, "a@b:v1", &at);
    expect_tag(store, "a@b@1970-01-01T00:00", &at);
    expect_tag(store, "a@b@latest", &at);
    expect_refusal(store, "a@b:v2", "neither");
    expect_refusal(store, "host:5000/x:3.0", "no snapshot has the tag");
    expect_refusal(store, "host:5000/z:latest", "no snapshot has the tag");
    expect_refusal(store, "host:5000/x", "NAMESPACE:TAG");
    /* What cannot be one: nothing at all is published. */
    make(&again, store, "host:5000/x", "not a tag", "third", base, 3);
    assert_int_equal(image_publish(&is_new, &again.snapshot, &again.commit, store, &err), -EBADMSG);
    assert_int_equal(image_find(&again.image, store, &again.image.config, &err), -ENOENT);
    assert_false(publish(&again, store, "host:5000/x", "stop", "old", base, 2));
    assert_int_equal(image_visit_tags(store, old.snapshot.number, join, text, &err), 7);
    store_close(store);
}

/* Rows that are missing come: an image whose snapshot is there, and a layer that only another image lost. */
static void what_is_missing_comes(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct made m, again;
    (void)state;

    assert_true(publish(&m, store, "n", NULL, "config", base, 3));
    scratch_sql("DELETE FROM layer WHERE number = 2");
    assert_false(publish(&again, store, "n", NULL, "config", base, 3));
    assert_int_equal(again.alone[1].number, 4);
    same_layer(store, LAYER_ALONE, &again.alone[1]);
    store_close(store);
}

static void an_image_may_have_no_layers(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct made m;
    struct image found;
    (void)state;

    assert_true(publish(&m, store, "scratch", "latest", "config", NULL, 0));
    ok(image_find_tag(&found, store, "scratch:latest", &err));
    same_image(&found, &m.image);
    store_close(store);
}

/* When publishing fails half-way, nothing of it is there. */
static void a_failure_leaves_nothing(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct made m;
    bool is_new;
    (void)state;

    scratch_sql("CREATE TRIGGER refuse BEFORE INSERT ON tag BEGIN SELECT raise(ABORT, 'no'); END");
    make(&m, store, "n", "t", "config", base, 3);
    assert_true(image_publish(&is_new, &m.snapshot, &m.commit, store, &err) < 0);
    assert_int_equal(scratch_sql("SELECT (SELECT count(*) FROM layer) + (SELECT count(*) FROM chain)"
                                 " + (SELECT count(*) FROM image) + (SELECT count(*) FROM snapshot)"),
                     0);
    scratch_sql("DROP TRIGGER refuse");
    assert_true(publish(&m, store, "n", "t", "config", base, 3));
    store_close(store);
}

/* --- Waiting ------------------------------------------------------------------------------------------------------ */

static bool publish_frame(struct snapshot *s, struct store *store, const char *text, unsigned mode, const char *wants,
                          int64_t image)
{
    bool is_new;

    *s = (struct snapshot){.namespace = "frames", .time = 5, .format = "frame", .has_source = true};
    s->source = digest_of(text);
    scratch_snapshot(s, store, mode);
    s->wants = wants;
    s->image = image;
    ok(snapshot_publish(&is_new, s, store, &err));
    return is_new;
}

static int note(void *arg, const struct snapshot *snapshot)
{
    int64_t *sum = arg;

    *sum = *sum * 10 + snapshot->number;
    return snapshot->number == 9 ? 9 : 0;
}

static void expect_waiting(struct store *store, const char *wants, int64_t after, int64_t expected)
{
    int64_t numbers = 0;

    ok(image_visit_waiting(store, wants, after, note, &numbers, &err));
    assert_int_equal(numbers, expected);
}

static void frames_wait_for_images(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot a, b, c, joined, resolved;
    struct made m;
    (void)state;

    assert_true(publish(&m, store, "image", "1.0", "config", base, 3));
    assert_true(publish_frame(&a, store, "frame a", 0700, "image:2.0", 0));
    assert_true(publish_frame(&b, store, "frame b", 0700, "sha256:00", 0));
    assert_true(publish_frame(&c, store, "frame c", 0700, "image:2.0", 0));
    expect_waiting(store, "image:2.0", 0, 24);
    expect_waiting(store, "image:2.0", a.number, 4);
    expect_waiting(store, "image:2.0", c.number, 0);
    expect_waiting(store, "sha256:00", 0, 3);
    expect_waiting(store, "image:1.0", 0, 0);
    /* The same frame again waits only once; one of before waiting was known begins to. */
    assert_false(publish_frame(&a, store, "frame a", 0700, "image:2.0", 0));
    expect_waiting(store, "image:2.0", 0, 24);
    scratch_sql("DELETE FROM waiting WHERE snapshot = 2");
    assert_false(publish_frame(&a, store, "frame a", 0700, "image:2.0", 0));
    expect_waiting(store, "image:2.0", 0, 24);
    /* A revision that was joined waits no more, and is the one that is seen. */
    assert_true(publish_frame(&joined, store, "frame a", 0711, NULL, m.image.number));
    assert_int_equal(joined.image, m.image.number);
    expect_waiting(store, "image:2.0", 0, 4);
    ok(snapshot_find(&resolved, store, joined.id, &err));
    assert_int_equal(resolved.image, m.image.number);
    ok(snapshot_find(&resolved, store, a.id, &err));
    assert_int_equal(resolved.image, 0);
    assert_true(publish_frame(&joined, store, "frame a", 0712, NULL, m.image.number));
    /* An image that brings nothing: the frame stays what it is, and waits no more. */
    assert_false(publish_frame(&joined, store, "frame c", 0700, NULL, m.image.number));
    assert_int_equal(joined.number, c.number);
    ok(snapshot_find(&resolved, store, c.id, &err));
    assert_int_equal(resolved.image, 0);
    expect_waiting(store, "image:2.0", 0, 0);
    store_close(store);
}

/* Revisions of one capture: all of these see the newest. */
static void the_newest_revision_is_seen(void **state)
{
    static const char *const names[] = {"frames@latest", "frames@1970", "frames@1970-01-01T00:00:00Z"};
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot first, second, s;
    (void)state;

    publish_frame(&first, store, "frame", 0700, "image:1", 0);
    publish_frame(&second, store, "frame", 0711, NULL, 0);
    assert_int_equal(first.time, second.time);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ok(snapshot_resolve(&s, store, names[i], &err));
        assert_int_equal(s.number, second.number);
    }
    ok(snapshot_find(&s, store, first.id, &err));
    assert_int_equal(s.number, first.number);
    store_close(store);
}

/* --- Older stores ------------------------------------------------------------------------------------------------- */

/* Whatever version a store comes from, it gets the same tables, and what it holds is what it was. */
static void older_stores_are_migrated(void **state)
{
    static const char schema[] = "SELECT count(*) * 1000 + (SELECT count(*) FROM sqlite_schema)"
                                 " FROM sqlite_schema AS t, pragma_table_info(t.name)";
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot before, after;
    struct made m;
    int64_t tables = scratch_sql(schema);
    uint64_t slash, snap, at;
    (void)state;

    publish_frame(&before, store, "frame", 0700, NULL, 0);
    ok(store_directory_mtime(&slash, store, "/", &err));
    for (int version = schema_version_newest() - 1; version >= 1; version--) {
        uint64_t moved;

        store_close(store);
        scratch_downgrade(version);
        store = scratch_store(STORE_WRITE);
        assert_int_equal(scratch_sql("PRAGMA user_version"), schema_version_newest());
        assert_int_equal(scratch_sql(schema), tables);
        ok(snapshot_find(&after, store, before.id, &err));
        assert_true(after.number == before.number && after.imported == before.imported && after.image == 0);
        ok(store_directory_mtime(&moved, store, "/", &err));
        slash += (version < 3) + (version < 5) + (version < 6); /* the steps that put names into it */
        assert_int_equal(moved, slash);                         /* on every copy the same */
        ok(store_directory_mtime(&at, store, "/at", &err));
        assert_true(version >= 6 || at == slash);
        ok(store_directory_mtime(&snap, store, "/snap", &err));
        assert_int_equal(snap, before.imported);
    }
    assert_true(publish(&m, store, "n", "t", "config", base, 3));
    expect_tag(store, "n:t", &m);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chain_ids_are_those_of_oci),
        cmocka_unit_test(tags_are_told_from_namespaces),
        cmocka_unit_test_setup(images_are_published_whole, clean),
        cmocka_unit_test_setup(tags_move, clean),
        cmocka_unit_test_setup(what_is_missing_comes, clean),
        cmocka_unit_test_setup(an_image_may_have_no_layers, clean),
        cmocka_unit_test_setup(a_failure_leaves_nothing, clean),
        cmocka_unit_test_setup(frames_wait_for_images, clean),
        cmocka_unit_test_setup(the_newest_revision_is_seen, clean),
        cmocka_unit_test_setup(older_stores_are_migrated, clean),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
