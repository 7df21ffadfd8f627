/* gc: what goes and what stays; who is waited for, and what those who come meanwhile have found. */
#include "db/collect.h"

#include "base/cleanup.h"
#include "db/blob.h"
#include "db/check.h"
#include "db/cut.h"
#include "db/frame.h"
#include "db/image.h"
#include "db/keep.h"
#include "db/lease.h"
#include "tests/unit/ok.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE (BLOB_INLINE_MAX + 1000) /* bytes: a file */

static int clean(void **state)
{
    (void)state;
    scratch_remove();
    scratch_make();
    return 0;
}

/* --- Stores ------------------------------------------------------------------------------------------------------- */

static int64_t put(struct digest *digest, struct store *store, char byte, size_t size)
{
    char *bytes = malloc(size);
    int64_t id;

    assert_non_null(bytes);
    memset(bytes, byte, size);
    ok(blob_put(&id, digest, store, bytes, size, &err));
    free(bytes);
    return id;
}

/* Is a content of so many of these bytes there, and right? */
static bool has(struct store *store, char byte, size_t size)
{
    struct digest digest;
    struct sha256 *sha = sha256_new();
    char *bytes = malloc(size);
    struct blob blob;

    assert_true(sha && bytes);
    memset(bytes, byte, size);
    sha256_of(&digest, sha, bytes, size);
    sha256_free(sha);
    int found = blob_find_digest(&blob, store, &digest, &err);
    if (found == 0) {
        char first;

        assert_int_equal(blob_read(&first, store, &blob, 0, 1, &err), 1);
        assert_int_equal(first, byte);
    }
    blob_rest(store);
    free(bytes);
    assert_true(found == 0 || found == -ENOENT);
    return found == 0;
}

/* A root with `count` files, whose contents are bytes `first` and the following; each a file of the store. */
static void make(struct snapshot *s, struct store *store, const char *namespace, char first, unsigned count)
{
    struct builder *builder = builder_new(BUILDER_RECORDS, "/tmp");
    char path[8];

    *s = (struct snapshot){.namespace = namespace, .time = (uint64_t)first, .format = "dir"};
    assert_non_null(builder);
    for (unsigned i = 0; i < count; i++) {
        struct entry_digests digests = {0};
        struct entry entry = {.mode = S_IFREG | 0644, .size = LARGE};

        snprintf(path, sizeof path, "/d%u/f", i);
        entry.content = put(&digests.content, store, (char)(first + (char)i), LARGE);
        ok(builder_add(builder, path, strlen(path), &entry, &digests, 0, &err));
    }
    ok(builder_settle(builder, NULL, NULL, &err));
    ok(builder_write(&s->root, &s->links, builder, store, &err));
    ok(node_empty(&s->features, store, NODE_FEATURES, &err));
    builder_free(builder);
}

static void publish(struct snapshot *s, struct store *store)
{
    bool is_new;

    ok(snapshot_publish(&is_new, s, store, &err));
}

static void make_and_publish(struct snapshot *s, struct store *store, const char *namespace, char first, unsigned count)
{
    make(s, store, namespace, first, count);
    publish(s, store);
}

static void forget(struct store *store, const struct snapshot *s)
{
    size_t forgotten;

    ok(snapshots_forget(&forgotten, store, &s->number, 1, true, &err));
    assert_int_equal(forgotten, 1);
}

static void collect(struct collection *c)
{
    struct store *store = scratch_store(STORE_WRITE);

    *c = (struct collection){0};
    ok(store_collect(c, store, &err));
    store_close(store);
}

static void show(void *arg, const char *text)
{
    (void)arg;
    print_error("%s\n", text);
}

static void expect_whole(void)
{
    struct store *store = scratch_store(STORE_READ);
    struct check check = {.report = show};

    ok(store_check(&check, store, &err));
    assert_int_equal(check.bad, 0);
    store_close(store);
}

static unsigned count_files(void)
{
    char command[300];

    snprintf(command, sizeof command, "find '%s'/store/blobs -type f | wc -l", scratch_make());
    FILE *pipe = popen(command, "r");
    unsigned files = 0;
    assert_true(pipe && fscanf(pipe, "%u", &files) == 1);
    pclose(pipe);
    return files;
}

/* --- What goes ---------------------------------------------------------------------------------------------------- */

static void what_nothing_refers_to_goes(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot a, b;
    struct collection c;
    struct digest digest;
    (void)state;

    make_and_publish(&a, store, "a", 'a', 3); /* a b c */
    make_and_publish(&b, store, "b", 'b', 3); /* b c d */
    put(&digest, store, 'z', LARGE);
    put(&digest, store, 'y', 10);
    ok(store_flush(store, &err));
    store_close(store);
    collect(&c);
    assert_int_equal(c.blobs, 2); /* of an import that never ended */
    assert_int_equal(c.files, 1);
    assert_int_equal(c.nodes, 0);
    assert_int_equal(c.bytes, LARGE + 10);

    store = scratch_store(STORE_WRITE);
    forget(store, &a);
    store_close(store);
    collect(&c);
    assert_int_equal(c.blobs, 1);
    assert_true(c.nodes >= 2);
    assert_true(c.freed >= LARGE);
    assert_int_equal(count_files(), 3);
    assert_int_equal(scratch_sql("PRAGMA freelist_count"), 0);
    expect_whole();
    store = scratch_store(STORE_WRITE);
    assert_true(!has(store, 'a', LARGE) && has(store, 'b', LARGE) && has(store, 'd', LARGE));
    assert_int_equal(scratch_sql("SELECT count(*) FROM namespace"), 1);

    forget(store, &b);
    store_close(store);
    collect(&c);
    assert_int_equal(scratch_sql("SELECT (SELECT count(*) FROM node) + (SELECT count(*) FROM blob) +"
                                 " (SELECT count(*) FROM entry) + (SELECT count(*) FROM child) +"
                                 " (SELECT count(*) FROM seen) + (SELECT count(*) FROM namespace)"),
                     0);
    assert_int_equal(count_files(), 0);
    store = scratch_store(STORE_WRITE);
    make_and_publish(&b, store, "b", 'b', 3); /* and comes back */
    store_close(store);
    expect_whole();
}

static void numbers_do_not_come_back(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot first, again;
    struct collection c;
    (void)state;

    make_and_publish(&first, store, "n", 'a', 1);
    forget(store, &first);
    store_close(store);
    collect(&c);
    store = scratch_store(STORE_WRITE);
    make_and_publish(&again, store, "n", 'a', 1);
    assert_memory_equal(first.id, again.id, SNAPSHOT_ID_SIZE);
    assert_true(again.number > first.number && again.root.id > first.root.id);
    store_close(store);
}

/* An image of `count` layers called by these letters, each of a tree of its own. */
static void publish_image(struct snapshot *s, struct store *store, const char *namespace, const char *letters)
{
    struct layer alone[4] = {0}, chain[4] = {0};
    size_t count = strlen(letters);
    struct image image = {0};
    struct digest digest;
    bool is_new;

    *s = (struct snapshot){.namespace = namespace, .time = 1, .format = "oci", .has_source = true};
    ok(node_empty(&s->features, store, NODE_FEATURES, &err));
    ok(node_empty(&s->links, store, NODE_LINKS, &err));
    for (size_t i = 0; i < count; i++) {
        memset(alone[i].digest.bytes, letters[i], DIGEST_SIZE);
        layer_chain_id(&chain[i].digest, i ? &chain[i - 1].digest : NULL, &alone[i].digest);
        scratch_root(&alone[i].root, store, (unsigned)letters[i]);
        scratch_root(&chain[i].root, store, 0200u + chain[i].digest.bytes[0]);
        alone[i].links = chain[i].links = s->links;
        alone[i].notes = chain[i].notes = s->features;
        s->root = chain[i].root;
        image.chain = chain[i].digest;
    }
    image.config_blob = put(&image.config, store, letters[count - 1], 100);
    image.layers_blob = put(&digest, store, letters[count - 1], 50);
    s->source = image.config;
    ok(image_publish(&is_new, s, &(struct image_commit){&image, alone, chain, count, "1", 0}, store, &err));
}

static void images_go_with_what_they_are_made_of(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot one, other;
    struct collection c;
    (void)state;

    publish_image(&one, store, "one", "abc");
    publish_image(&other, store, "other", "abd");
    forget(store, &one);
    store_close(store);
    collect(&c);
    assert_int_equal(c.images, 1);
    assert_int_equal(c.chains, 1);
    assert_int_equal(c.layers, 1);
    assert_int_equal(c.blobs, 2);
    expect_whole();
    store = scratch_store(STORE_WRITE);
    forget(store, &other);
    store_close(store);
    collect(&c);
    assert_int_equal(c.images, 1);
    assert_int_equal(c.chains, 3);
    assert_int_equal(c.layers, 3);
    assert_int_equal(scratch_sql("SELECT count(*) FROM node"), 0);
}

/* --- Frames ------------------------------------------------------------------------------------------------------- */

#define FRAME_WORDS 100000 /* of 8 bytes: some 100 chunks, where no other seed has the same */

static void add_words(struct frame_writer *writer, uint64_t seed)
{
    uint64_t words[1000], state = seed + 1;

    for (int i = 0; i < FRAME_WORDS / 1000; i++) {
        for (int k = 0; k < 1000; k++)
            words[k] = state = state * 6364136223846793005u + 1442695040888963407u;
        ok(frame_writer_add(writer, words, sizeof words, &err));
    }
}

/* A frame of two halves. */
static void put_frame(int64_t *id, struct digest *digest, struct store *store, uint64_t first, uint64_t second)
{
    struct frame_writer *writer;

    ok(frame_writer_new(&writer, store, &err));
    add_words(writer, first);
    add_words(writer, second);
    ok(frame_writer_finish(id, digest, writer, &err));
    frame_writer_free(writer);
}

static void publish_frame(struct snapshot *s, struct store *store, uint64_t first, uint64_t second)
{
    *s = (struct snapshot){.namespace = "frames", .time = 1000 * first + second, .format = "frame", .has_source = true};
    put_frame(&s->frame, &s->source, store, first, second);
    scratch_snapshot(s, store, 0755);
    publish(s, store);
}

static int64_t count_chunks(void)
{
    return scratch_sql("SELECT count(*) FROM chunk");
}

static void chunks_stay_as_long_as_a_frame_has_them(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot first, second, third;
    struct collection c;
    struct digest digest;
    int64_t counts[3], litter;
    (void)state;

    publish_frame(&first, store, 1, 2);
    counts[0] = count_chunks();
    publish_frame(&second, store, 3, 2);
    counts[1] = count_chunks() - counts[0]; /* `second` alone has these, and what `first` has of 2 besides */
    publish_frame(&third, store, 3, 4);
    counts[2] = count_chunks();
    put_frame(&litter, &digest, store, 5, 6);
    ok(store_flush(store, &err));
    store_close(store);
    collect(&c);
    assert_int_equal(c.frames, 1);
    assert_true(c.chunks > 100);
    assert_int_equal(count_chunks(), counts[2]);
    expect_whole();

    store = scratch_store(STORE_WRITE);
    forget(store, &first);
    store_close(store);
    collect(&c);
    assert_int_equal(c.frames, 1);
    assert_in_range(c.chunks, counts[0] / 2 - 3, counts[0] / 2 + 3); /* those of 1 */
    expect_whole();

    store = scratch_store(STORE_WRITE);
    forget(store, &second);
    forget(store, &third);
    store_close(store);
    collect(&c);
    assert_int_equal(c.frames, 2);
    assert_int_equal(count_chunks(), 0);
    assert_int_equal(scratch_sql("SELECT count(*) FROM frame_chunks"), 0);
    store = scratch_store(STORE_WRITE);
    publish_frame(&third, store, 3, 4); /* and comes back */
    store_close(store);
    expect_whole();
    assert_true(counts[1] > 40);
}

/* Nobody can tell what a damaged list holds, so no chunk goes until it is dropped. Other things do. */
static void a_damaged_list_keeps_all_chunks(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct collection c = {0};
    struct snapshot s, other;
    struct check check = {.report = show};
    (void)state;

    publish_frame(&s, store, 1, 2);
    make_and_publish(&other, store, "other", 'a', 1);
    forget(store, &other);
    store_close(store);
    int64_t chunks = count_chunks();
    scratch_sql("UPDATE frame_chunks SET chunks = CAST(chunks || x'80' AS BLOB)");
    store = scratch_store(STORE_WRITE);
    assert_true(store_collect(&c, store, &err) < 0);
    assert_non_null(strstr(err.text, "fsck --repair"));
    assert_int_equal(c.blobs, 1);
    store_close(store);
    assert_int_equal(count_chunks(), chunks);
    store = scratch_store(STORE_WRITE);
    ok(store_repair(&check, store, &err));
    store_close(store);
    collect(&c);
    assert_int_equal(count_chunks(), 0);
    expect_whole();
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

static void files_without_a_row_go_unless_locked(void **state)
{
    static const char hex[] = "abababababababababababababababababababababababababababababababab";
    struct store *store = scratch_store(STORE_CREATE);
    struct collection c;
    struct snapshot s;
    char path[300];
    (void)state;

    make_and_publish(&s, store, "f", 'a', 1);
    store_close(store);
    snprintf(path, sizeof path, "%s/blobs/ab/%s", store_directory(store = scratch_store(STORE_WRITE)), hex);
    store_close(store);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0); /* a writer between its name and its row */
    collect(&c);
    assert_int_equal(c.files, 0);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    collect(&c);
    assert_int_equal(c.files, 1);
    assert_int_equal(access(path, F_OK), -1);
    expect_whole();
}

/* --- Leases ------------------------------------------------------------------------------------------------------- */

struct gc {
    pthread_t thread;
    struct collection collection;
    struct error err;
    int result;
    volatile bool ended;
};

static void *run(void *arg)
{
    struct gc *gc = arg;
    struct store *store = scratch_store(STORE_WRITE);

    gc->result = store_collect(&gc->collection, store, &gc->err);
    store_close(store);
    gc->ended = true;
    return NULL;
}

/* It waits, for a lease that is older. */
static void start_and_wait_for_waiting(struct gc *gc)
{
    *gc = (struct gc){0};
    assert_int_equal(pthread_create(&gc->thread, NULL, run, gc), 0);
    for (int i = 0; i < 1000 && scratch_sql("SELECT count(*) FROM collection WHERE NOT ended") == 0; i++)
        usleep(10000);
    usleep(150000);
    assert_false(gc->ended);
}

static void join(struct gc *gc)
{
    pthread_join(gc->thread, NULL);
    if (gc->result < 0)
        fail_msg("%s", gc->err.text);
}

static void older_leases_are_waited_for(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot s;
    struct gc gc;
    (void)state;

    make(&s, store, "older", 'a', 3);
    ok(store_flush(store, &err));
    start_and_wait_for_waiting(&gc);
    publish(&s, store);
    store_close(store);
    join(&gc);
    assert_int_equal(gc.collection.nodes + gc.collection.blobs, 0);
    expect_whole();
}

static void younger_ones_tell_what_they_find(void **state)
{
    struct store *store = scratch_store(STORE_CREATE), *older, *younger;
    struct snapshot litter, found, alone;
    struct gc gc;
    (void)state;

    make(&litter, store, "litter", 'a', 3);
    make(&alone, store, "alone", 'm', 2);
    ok(store_flush(store, &err));
    store_close(store);
    older = scratch_store(STORE_WRITE);
    start_and_wait_for_waiting(&gc);
    younger = scratch_store(STORE_WRITE);
    make(&found, younger, "found", 'a', 3); /* all of it is there, and nothing refers to it */
    assert_int_equal(found.root.id, litter.root.id);
    ok(store_flush(younger, &err));
    store_close(older);
    join(&gc);
    assert_true(gc.collection.nodes >= 2); /* of `alone` */
    assert_int_equal(gc.collection.blobs, 2);
    publish(&found, younger);
    store_close(younger);
    expect_whole();
}

/* Chunks too: those of a frame that is not there yet when gc reads which ones frames have. */
static void chunks_found_meanwhile_stay(void **state)
{
    struct store *store = scratch_store(STORE_CREATE), *older, *younger;
    struct snapshot found = {0};
    struct frame_writer *writer;
    struct digest digest;
    struct gc gc;
    int64_t litter, frame;
    (void)state;

    put_frame(&litter, &digest, store, 1, 2);
    ok(store_flush(store, &err));
    store_close(store);
    older = scratch_store(STORE_WRITE);
    start_and_wait_for_waiting(&gc);
    younger = scratch_store(STORE_WRITE);
    ok(frame_writer_new(&writer, younger, &err));
    add_words(writer, 1);
    ok(store_flush(younger, &err));
    store_close(older);
    join(&gc);
    assert_int_equal(gc.collection.frames, 1);
    assert_true(gc.collection.chunks > 40); /* of 2 */
    assert_true(count_chunks() > 40);       /* of 1 */
    add_words(writer, 2);
    ok(frame_writer_finish(&frame, &found.source, writer, &err));
    frame_writer_free(writer);
    assert_memory_equal(&found.source, &digest, sizeof digest);
    assert_true(frame > litter);
    ok(store_flush(younger, &err));
    store_close(younger);
    expect_whole();
}

/* A younger one that only knows the root, as of a chain or of a snapshot. */
static void what_is_forgotten_meanwhile_stays(void **state)
{
    struct store *store = scratch_store(STORE_CREATE), *older, *younger;
    struct snapshot s, image, seen, revision;
    struct layer layer, chain;
    struct gc gc;
    (void)state;

    make_and_publish(&s, store, "s", 'a', 3);
    publish_image(&image, store, "i", "xyz");
    store_close(store);
    older = scratch_store(STORE_WRITE);
    start_and_wait_for_waiting(&gc);
    younger = scratch_store(STORE_WRITE);
    ok(snapshot_find(&seen, younger, s.id, &err));
    memset(layer.digest.bytes, 'z', DIGEST_SIZE);
    ok(layer_find(&layer, younger, LAYER_ALONE, &layer.digest, &err));
    ok(layer_find_number(&chain, younger, LAYER_CHAIN, 3, &err));
    ok(layer_find(&chain, younger, LAYER_CHAIN, &chain.digest, &err));
    ok(store_flush(younger, &err));
    store = scratch_store(STORE_WRITE);
    forget(store, &s);
    forget(store, &image);
    store_close(store);
    store_close(older);
    join(&gc);
    assert_int_equal(gc.collection.layers, 0);
    assert_int_equal(gc.collection.chains, 0);
    revision = seen;
    revision.namespace = "revision";
    publish(&revision, younger);
    revision.root = chain.root;
    revision.namespace = "chain";
    publish(&revision, younger);
    store_close(younger);
    expect_whole();
    struct collection c;
    collect(&c); /* it is nobody's any more */
    assert_int_equal(c.layers, 3);
    expect_whole();
}

static void a_silent_lease_is_taken_away(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot s;
    struct collection c;
    struct digest digest;
    int64_t id;
    (void)state;

    make(&s, store, "silent", 'a', 2);
    ok(store_flush(store, &err));
    scratch_sql("UPDATE lease SET renewed = renewed - 901000000000");
    collect(&c);
    assert_int_equal(c.blobs, 2);
    bool is_new;
    assert_int_equal(snapshot_publish(&is_new, &s, store, &err), -ECANCELED);
    assert_non_null(strstr(err.text, "import again"));
    assert_int_equal(blob_put(&id, &digest, store, "x", 1, &err), -ECANCELED);
    assert_int_equal(scratch_sql("SELECT count(*) FROM snapshot"), 0);
    ok(lease_begin(store, &err));
    make_and_publish(&s, store, "silent", 'a', 2);
    store_close(store);
    expect_whole();
}

static void what_ended_is_not_waited_for(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct collection c;
    (void)state;

    store_close(store);
    /* Rows without their locks: killed writers; and a killed gc. */
    scratch_sql("INSERT INTO lease (id, epoch, renewed) VALUES (1000, 0, 1), (1001, 0, 9000000000000000000)");
    scratch_sql("INSERT INTO collection (ended) VALUES (0)");
    scratch_sql("INSERT INTO seen VALUES (1, 1)");
    collect(&c);
    assert_int_equal(scratch_sql("SELECT count(*) FROM seen"), 0);
    store = scratch_store(STORE_WRITE); /* takes dead rows away */
    assert_int_equal(scratch_sql("SELECT count(*) FROM lease"), 1);
    store_close(store);
}

static void only_one_collects(void **state)
{
    struct store *older = scratch_store(STORE_CREATE), *second;
    struct collection c = {0};
    struct gc gc;
    (void)state;

    start_and_wait_for_waiting(&gc);
    second = scratch_store(STORE_WRITE);
    assert_int_equal(store_collect(&c, second, &err), -EBUSY);
    store_close(second);
    store_close(older);
    join(&gc);
}

/* --- Forgetting --------------------------------------------------------------------------------------------------- */

static void what_is_pinned_or_tagged_stays(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot pinned, tagged, loose;
    size_t forgotten;
    (void)state;

    make_and_publish(&pinned, store, "k", 'a', 1);
    make_and_publish(&tagged, store, "k", 'b', 1);
    make_and_publish(&loose, store, "k", 'c', 1);
    ok(snapshot_pin(store, &pinned, true, &err));
    ok(snapshot_tag(store, &tagged, "t", &err));
    const int64_t numbers[] = {pinned.number, tagged.number, loose.number, 4711};
    ok(snapshots_forget(&forgotten, store, numbers, 4, false, &err));
    assert_int_equal(forgotten, 1);
    assert_int_equal(scratch_sql("SELECT count(*) FROM snapshot"), 2);
    ok(snapshots_forget(&forgotten, store, numbers, 4, true, &err));
    assert_int_equal(forgotten, 1);
    assert_int_equal(scratch_sql("SELECT count(*) FROM tag"), 0);
    ok(snapshot_pin(store, &pinned, false, &err));
    ok(snapshots_forget(&forgotten, store, numbers, 4, false, &err));
    assert_int_equal(forgotten, 1);
    assert_int_equal(snapshot_pin(store, &pinned, true, &err), -EBADMSG);
    assert_int_equal(snapshot_tag(store, &pinned, "t", &err), -EBADMSG);
    store_close(store);
}

static void tags_move_and_go(void **state)
{
    struct store *store = scratch_store(STORE_CREATE);
    struct snapshot a, b, found;
    (void)state;

    make_and_publish(&a, store, "ns", 'a', 1);
    make_and_publish(&b, store, "ns", 'b', 1);
    ok(snapshot_tag(store, &a, "t", &err));
    ok(snapshot_tag(store, &a, "u", &err));
    ok(snapshot_tag(store, &b, "t", &err));
    ok(snapshot_resolve(&found, store, "ns:t", &err));
    assert_int_equal(found.number, b.number);
    ok(snapshot_resolve(&found, store, "ns:u", &err));
    assert_int_equal(found.number, a.number);
    ok(snapshot_untag(store, "ns:u", &err));
    assert_int_equal(snapshot_resolve(&found, store, "ns:u", &err), -EBADMSG);
    assert_int_equal(snapshot_untag(store, "ns:u", &err), -EBADMSG);
    assert_int_equal(snapshot_untag(store, "ns", &err), -EBADMSG);
    assert_int_equal(snapshot_tag(store, &a, "no tag", &err), -EBADMSG);
    store_close(store);
    expect_whole();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_nothing_refers_to_goes, clean),
        cmocka_unit_test_setup(numbers_do_not_come_back, clean),
        cmocka_unit_test_setup(images_go_with_what_they_are_made_of, clean),
        cmocka_unit_test_setup(chunks_stay_as_long_as_a_frame_has_them, clean),
        cmocka_unit_test_setup(a_damaged_list_keeps_all_chunks, clean),
        cmocka_unit_test_setup(files_without_a_row_go_unless_locked, clean),
        cmocka_unit_test_setup(older_leases_are_waited_for, clean),
        cmocka_unit_test_setup(younger_ones_tell_what_they_find, clean),
        cmocka_unit_test_setup(chunks_found_meanwhile_stay, clean),
        cmocka_unit_test_setup(what_is_forgotten_meanwhile_stays, clean),
        cmocka_unit_test_setup(a_silent_lease_is_taken_away, clean),
        cmocka_unit_test_setup(what_ended_is_not_waited_for, clean),
        cmocka_unit_test_setup(only_one_collects, clean),
        cmocka_unit_test_setup(what_is_pinned_or_tagged_stays, clean),
        cmocka_unit_test_setup(tags_move_and_go, clean),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
