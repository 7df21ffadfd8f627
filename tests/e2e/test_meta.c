/* "/blob" and "/meta" over the wire: who sees them, what is in them byte for byte, listings while blobs come, files
 * that are made on demand and let go again, handles that outlive the server. */
#include "base/cleanup.h"
#include "base/digest.h"
#include "tests/e2e/capture.h"
#include "tests/e2e/fixture.h"
#include "tests/e2e/nfs_calls.h"
#include "tests/e2e/process.h"

#include "nfsd/renderings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { NAMES_MAX = 20000, PIECE = 1 << 20 };
#define ALL "insecure,blob,meta"

static struct server server;
static struct client client;
static char *store;
static struct fh slash, blob, meta;

/* --- Stores and servers ------------------------------------------------------------------------------------------- */

static char *read_all(size_t *size, const char *path)
{
    cleanup_fclose FILE *file = fopen(path, "r");
    struct stat status;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *bytes = malloc((size_t)status.st_size + 1);
    assert_non_null(bytes);
    *size = fread(bytes, 1, (size_t)status.st_size, file);
    assert_int_equal(*size, status.st_size);
    bytes[*size] = '\0';
    return bytes;
}

/* Import a frame that was written; its id. */
static void import_file(char id[33], const char *path)
{
    const char *const arguments[] = {"--store", store, "import", "--no-veneer", path, NULL};

    if (process_run(arguments) != 0)
        process_fail("import");
    cleanup_free char *out = process_output("run", "out");
    snprintf(id, 33, "%.32s", out);
}

/* The frame "NAME" of the scratch directory, imported. */
static void import_capture(char id[33], const char *name, const struct capture *capture)
{
    cleanup_free char *path = process_path(name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    capture_write(file, capture);
    assert_int_equal(fclose(file), 0);
    import_file(id, path);
}

static void serve(const char *options, uint64_t limit)
{
    server_start_with(&server, store, options, limit);
    client_connect(&client, server.port, true);
    assert_int_equal(call_mount(&slash, &client, "/"), OK);
    if (call_mount(&blob, &client, "/blob") != OK || call_mount(&meta, &client, "/meta") != OK)
        assert_null(strstr(options, "meta"));
}

static void end_serving(void)
{
    client_close(&client);
    server_stop(&server);
}

static char one[33], two[33], odd[33];

static int set_up(void **state)
{
    static const struct capture first = {"test/one", 0, 400, 300, 50}, second = {"test/one", 1, 400, 300, 50};
    (void)state;

    store = process_path("store");
    import_capture(one, "one.frame", &first);
    import_capture(two, "two.frame", &second);
    serve(ALL, RENDERINGS_BYTES_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end_serving();
    free(store);
    process_remove(NULL);
    return 0;
}

/* --- Calls -------------------------------------------------------------------------------------------------------- */

struct item {
    char name[256];
    uint64_t cookie, fileid;
    bool attached;
};

static struct item items[NAMES_MAX];
static size_t item_count;

/* One call; its entries are added. True at the end of the directory. */
static bool list(const struct fh *directory, uint64_t cookie, bool plus, uint32_t size)
{
    struct buffer args __attribute__((cleanup(buffer_free))) = {0};
    struct attr attr;
    struct fh fh;

    buffer_add_be64(&args, cookie);
    buffer_add_be64(&args, 0);
    if (plus)
        buffer_add_be32(&args, size);
    buffer_add_be32(&args, size);
    for (unsigned tries = 0;; tries++) {
        uint32_t status = call_nfs(&client, plus ? READDIRPLUS : READDIR, directory, &args);

        read_post_op(&attr, &client);
        if (status == OK)
            break;
        assert_int_equal(status, JUKEBOX);
        client_done(&client);
        assert_true(tries < 1000);
        process_sleep(0.01);
    }
    client_u64(&client);
    while (client_u32(&client)) {
        struct item *item = &items[item_count++];
        uint32_t name_size;

        assert_true(item_count < NAMES_MAX);
        item->fileid = client_u64(&client);
        const uint8_t *name = client_opaque(&name_size, &client);
        snprintf(item->name, sizeof item->name, "%.*s", (int)name_size, (const char *)name);
        item->cookie = client_u64(&client);
        assert_true(item->cookie > cookie && item->cookie < 0x7fffffff);
        cookie = item->cookie;
        attr.there = false;
        if (plus) {
            read_post_op(&attr, &client);
            if (client_u32(&client))
                read_handle(&fh, &client);
        }
        item->attached = attr.there;
        assert_true(!attr.there || attr.fileid == item->fileid);
    }
    bool eof = client_u32(&client);
    client_done(&client);
    return eof;
}

/* All of a directory but "." and "..", added to what was listed. */
static void list_all(const struct fh *directory, bool plus, uint32_t size)
{
    size_t first = item_count;

    for (uint64_t cookie = 2; !list(directory, cookie, plus, size); cookie = items[item_count - 1].cookie)
        assert_true(item_count > first);
}

static bool is_listed(const char *name)
{
    for (size_t i = 0; i < item_count; i++)
        if (strcmp(items[i].name, name) == 0)
            return true;
    return false;
}

/* LOOKUP, for as long as the answer is JUKEBOX. How often it was. */
static unsigned look_up(struct fh *fh, struct attr *attr, const struct fh *directory, const char *name)
{
    uint32_t status;
    unsigned tries = 0;

    while ((status = call_lookup(fh, attr, &client, directory, name, strlen(name))) == JUKEBOX && tries++ < 1000)
        process_sleep(0.01);
    assert_int_equal(status, OK);
    return tries;
}

/* The whole content of a file, asked for again while it is being made. */
static void read_file(struct buffer *out, const struct fh *fh)
{
    const uint8_t *data;
    uint32_t count, status;
    unsigned tries = 0;
    bool eof = false;

    buffer_clear(out);
    while (!eof) {
        status = call_read(&data, &count, &eof, &client, fh, out->size, PIECE);
        if (status == JUKEBOX && tries++ < 1000) {
            process_sleep(0.01);
            eof = false;
            continue;
        }
        assert_int_equal(status, OK);
        buffer_add(out, data, count);
    }
}

static bool same(const struct attr *a, const struct attr *b)
{
    return a->type == b->type && a->mode == b->mode && a->size == b->size && a->fsid == b->fsid &&
           a->fileid == b->fileid && a->mtime == b->mtime && a->ctime == b->ctime;
}

/* A file of "/meta/<id>"; path below it, "features/x" too. */
static void read_meta(struct buffer *out, const char *id, const char *path)
{
    struct fh fh = call_walk(&client, &meta, id);
    const char *slash_in = strchr(path, '/');
    struct attr attr;

    if (slash_in) {
        assert_int_equal(call_lookup(&fh, NULL, &client, &fh, path, (size_t)(slash_in - path)), OK);
        path = slash_in + 1;
    }
    look_up(&fh, &attr, &fh, path);
    assert_int_equal(attr.mode, 0400);
    assert_int_equal(attr.uid, 0);
    read_file(out, &fh);
    assert_int_equal(out->size, attr.size);
}

static void hash(char hex[DIGEST_HEX_SIZE], const void *bytes, size_t size)
{
    struct sha256 *sha = sha256_new();
    struct digest digest;

    sha256_of(&digest, sha, bytes, size);
    hex_encode(hex, digest.bytes, DIGEST_SIZE);
    sha256_free(sha);
}

/* --- "/blob" ------------------------------------------------------------------------------------------------------ */

/* The names of all blobs. */
static void list_blobs(uint32_t size)
{
    static struct item prefixes[256];
    size_t count;

    item_count = 0;
    list_all(&blob, true, size);
    count = item_count;
    assert_in_range(count, 1, 256);
    memcpy(prefixes, items, count * sizeof *prefixes);
    item_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct fh directory = call_walk(&client, &blob, prefixes[i].name);
        size_t first = item_count;

        list_all(&directory, i & 1, size);
        assert_true(item_count > first);
        for (size_t k = first; k < item_count; k++)
            assert_int_equal(strncmp(items[k].name, prefixes[i].name, 2), 0);
    }
}

static void each_content_is_there_by_its_digest(void **state)
{
    struct buffer bytes cleanup_buffer = {0};
    char path[80], hex[DIGEST_HEX_SIZE];
    struct attr attr, again;
    (void)state;

    list_blobs(65536);
    assert_in_range(item_count, 300, 310);
    for (size_t i = 0; i < item_count; i++) {
        snprintf(path, sizeof path, "%.2s", items[i].name);
        struct fh directory = call_walk(&client, &blob, path), fh;

        assert_int_equal(call_lookup(&fh, &attr, &client, &directory, items[i].name, 64), OK);
        assert_int_equal(call_getattr(&again, &client, &fh), OK);
        assert_true(same(&attr, &again));
        assert_true(attr.type == 1 && attr.mode == 0400 && attr.uid == 0 && attr.nlink == 1);
        assert_true(attr.fileid == items[i].fileid && attr.mtime > 0);
        read_file(&bytes, &fh);
        assert_int_equal(bytes.size, attr.size);
        hash(hex, bytes.bytes, bytes.size);
        assert_string_equal(hex, items[i].name);
    }
}

static void what_is_no_blob_is_not_there(void **state)
{
    static const char *const names[] = {"zz", "abc", "a", "AB", "snap", "0x"};
    struct fh directory;
    char name[80];
    (void)state;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(call_lookup(NULL, NULL, &client, &blob, names[i], strlen(names[i])), NOENT);
    list_blobs(65536);
    memcpy(name, items[0].name, DIGEST_HEX_SIZE);
    directory = call_walk(&client, &blob, "..");
    assert_memory_equal(&directory, &slash, sizeof slash);
    assert_int_equal(call_lookup(NULL, NULL, &client, &blob, name, 64), NOENT);
    directory = call_walk(&client, &blob, (char[]){name[0], name[1], '\0'});
    assert_int_equal(call_lookup(NULL, NULL, &client, &directory, name, 63), NOENT);
    name[63] = name[63] == '0' ? '1' : '0';
    assert_int_equal(call_lookup(NULL, NULL, &client, &directory, name, 64), NOENT);
    name[1] = name[1] == '0' ? '1' : '0'; /* of another directory, if anywhere */
    assert_int_equal(call_lookup(NULL, NULL, &client, &directory, name, 64), NOENT);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

/* Whatever comes meanwhile: each blob that was there before is listed once. */
static void listings_bear_an_import(void **state)
{
    static const struct capture many = {"test/many", 0, 5000, 5000, 0}, more = {"test/many", 7, 6000, 6000, 0};
    static struct item before[NAMES_MAX];
    char id[33];
    size_t count;
    (void)state;

    import_capture(id, "many.frame", &many);
    list_blobs(65536);
    count = item_count;
    assert_true(count >= 5000);
    memcpy(before, items, count * sizeof *before);
    cleanup_free char *path = process_path("more.frame");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    capture_write(file, &more);
    assert_int_equal(fclose(file), 0);
    const char *const arguments[] = {"--store", store, "import", "--no-veneer", path, NULL};
    pid_t importer = process_start("run", arguments);
    do
        list_blobs(700); /* some five entries a call */
    while (item_count == count);
    assert_int_equal(process_wait(importer), 0);
    qsort(items, item_count, sizeof *items, by_name);
    for (size_t i = 1; i < item_count; i++)
        assert_true(strcmp(items[i - 1].name, items[i].name) < 0);
    for (size_t i = 0; i < count; i++) {
        const struct item *found = bsearch(&before[i], items, item_count, sizeof *items, by_name);

        assert_non_null(found);
        assert_true(found->fileid == before[i].fileid && found->cookie == before[i].cookie);
    }
}

/* --- "/meta" ------------------------------------------------------------------------------------------------------ */

static void files_are_what_the_command_line_gives(void **state)
{
    const char *const manifest[] = {"--store", store, "manifest", one, NULL};
    struct buffer bytes cleanup_buffer = {0};
    cleanup_free char *frame_path = process_path("one.frame"), *out_path = process_path("run.out");
    size_t size;
    (void)state;

    cleanup_free char *frame = read_all(&size, frame_path);
    read_meta(&bytes, one, "frame");
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.bytes, frame, size);
    assert_int_equal(process_run(manifest), 0);
    cleanup_free char *lines = read_all(&size, out_path);
    read_meta(&bytes, one, "manifest.jsonl");
    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.bytes, lines, size);
    read_meta(&bytes, one, "features/process.jsonl");
    buffer_add_byte(&bytes, '\0');
    for (unsigned i = 0; i < 40; i++) {
        char line[128];

        snprintf(line, sizeof line, "{\"key\":\"p/%u\",\"value\":{\"cmd\":\"sleep %u\",\"pid\":%u}}\n", i, i, i);
        assert_non_null(strstr((char *)bytes.bytes, line));
    }
    item_count = 0;
    struct fh features = call_walk(&client, &meta, one);
    features = call_walk(&client, &features, "features");
    list_all(&features, true, 4096);
    assert_int_equal(item_count, 2);
    assert_true(is_listed("metadata.jsonl") && is_listed("process.jsonl"));
    assert_int_equal(call_lookup(NULL, NULL, &client, &features, "~note.jsonl", 11), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &features, "process", 7), NOENT);
}

static void frames_are_read_by_ranges(void **state)
{
    struct fh directory = call_walk(&client, &meta, one), fh = call_walk(&client, &directory, "frame");
    cleanup_free char *path = process_path("one.frame");
    const uint8_t *data;
    uint32_t count;
    size_t size;
    bool eof;
    (void)state;

    cleanup_free char *frame = read_all(&size, path);
    for (unsigned i = 0; i < 300; i++) {
        uint64_t offset = process_random(size + 100);
        uint32_t asked = (uint32_t)process_random(i & 1 ? 300000 : 100);

        assert_int_equal(call_read(&data, &count, &eof, &client, &fh, offset, asked), OK);
        uint64_t left = offset < size ? size - offset : 0;
        assert_int_equal(count, asked < left ? asked : left);
        assert_int_equal(eof, asked >= left);
        if (count)
            assert_memory_equal(data, frame + offset, count);
    }
}

static void sums_agree_with_contents(void **state)
{
    struct buffer sums cleanup_buffer = {0}, bytes cleanup_buffer = {0};
    struct fh snap = call_walk(&client, &slash, "snap"), root = call_walk(&client, &snap, one);
    char hex[DIGEST_HEX_SIZE];
    unsigned lines = 0;
    (void)state;

    read_meta(&sums, one, "sha256sums");
    buffer_add_byte(&sums, '\0');
    for (char *line = strtok((char *)sums.bytes, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        assert_memory_equal(line + 64, "  ./", 4);
        struct fh file = call_walk(&client, &root, line + 68);

        read_file(&bytes, &file);
        hash(hex, bytes.bytes, bytes.size);
        assert_memory_equal(hex, line, 64);
    }
    assert_int_equal(lines, 300);
}

/* Names that sha256sum writes otherwise, told by itself. */
static void sha256sum_takes_odd_names(void **state)
{
    static const char *const names[] = {"plain", "-", "back\\slash", "new\nline", "cr\r", "sp ace", "*"};
    static const char *const json[] = {"plain", "-", "back\\\\slash", "new\\nline", "cr\\r", "sp ace", "*"};
    cleanup_free char *path = process_path("odd.frame"), *directory = process_path("copy");
    struct buffer sums cleanup_buffer = {0};
    char file_path[600], command[2000];
    FILE *frame = fopen(path, "w");
    (void)state;

    fprintf(frame, "metadata\t\"metadata\"\t{\"namespace\":\"odd\",\"timestamp\":\"2026-11-21T16:43:00+0000\"}\n");
    assert_int_equal(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fprintf(frame, "config\t\"/%s\"\t{\"name\":\"%s\",\"path\":\"/%s\",\"content\":\"content %zu\"}\n", json[i],
                json[i], json[i], i);
        snprintf(file_path, sizeof file_path, "%s/%s", directory, names[i]);
        FILE *file = fopen(file_path, "w");
        assert_non_null(file);
        fprintf(file, "content %zu", i);
        fclose(file);
    }
    assert_int_equal(fclose(frame), 0);
    import_file(odd, path);
    read_meta(&sums, odd, "sha256sums");
    snprintf(file_path, sizeof file_path, "%s.sums", directory);
    FILE *file = fopen(file_path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(sums.bytes, 1, sums.size, file), sums.size);
    fclose(file);
    snprintf(command, sizeof command, "cd %s && sha256sum --strict --quiet -c %s && test $(wc -l <%s) = 7", directory,
             file_path, file_path);
    assert_int_equal(system(command), 0);
}

static void xattrs_are_dumped(void **state)
{
    static const char expected[] = "# file: a\\134b\nuser.empty=\"\"\nuser.one=0sYmFy\n\n"
                                   "# file: plain\nuser.empty=\"\"\nuser.one=0sYmFy\n\n";
    cleanup_free char *tar = process_path("x.tar"), *directory = process_path("x");
    struct buffer bytes cleanup_buffer = {0};
    struct fh fh;
    char command[2000], id[33];
    (void)state;

    snprintf(command, sizeof command,
             "mkdir %s && cd %s && echo 1 >plain && echo 2 >'a\\b' && tar --no-unquote --format=pax"
             " --pax-option='SCHILY.xattr.user.one:=bar,SCHILY.xattr.user.empty:=' -cf %s plain 'a\\b'",
             directory, directory, tar);
    assert_int_equal(system(command), 0);
    import_file(id, tar);
    read_meta(&bytes, id, "xattrs");
    assert_int_equal(bytes.size, sizeof expected - 1);
    assert_memory_equal(bytes.bytes, expected, bytes.size);
    item_count = 0;
    fh = call_walk(&client, &meta, id);
    list_all(&fh, true, 4096);
    assert_true(is_listed("xattrs") && !is_listed("frame"));
    fh = call_walk(&client, &meta, one);
    while (call_lookup(NULL, NULL, &client, &fh, "xattrs", 6) == JUKEBOX)
        process_sleep(0.01);
    assert_int_equal(call_lookup(NULL, NULL, &client, &fh, "xattrs", 6), NOENT);
}

/* A listing gives attributes of what is made, and nothing of what is not yet. */
static void listings_do_not_wait(void **state)
{
    char id[33];
    unsigned tries = 0;
    (void)state;

    static const struct capture capture = {"test/listed", 3, 3000, 100, 0};
    import_capture(id, "listed.frame", &capture);
    struct fh directory = call_walk(&client, &meta, id);
    do {
        item_count = 0;
        list_all(&directory, true, 65536);
        assert_int_equal(item_count, 4);
        assert_true(is_listed("frame") && is_listed("manifest.jsonl") && is_listed("sha256sums"));
        assert_true(items[0].attached && items[3].attached); /* the frame, the directory of features */
        process_sleep(0.01);
    } while (!(items[1].attached && items[2].attached) && tries++ < 1000);
    assert_true(items[1].attached && items[2].attached);
}

/* --- Who may ------------------------------------------------------------------------------------------------------ */

static void only_root_may_look(void **state)
{
    struct fh directory = call_walk(&client, &meta, one), frame = call_walk(&client, &directory, "frame");
    const uint8_t *data;
    uint32_t count;
    struct attr attr;
    bool eof;
    (void)state;

    assert_int_equal(call_getattr(&attr, &client, &meta), OK);
    assert_true(attr.mode == 0500 && attr.uid == 0 && attr.type == 2);
    client.uid = client.gid = 1000;
    assert_int_equal(call_lookup(NULL, NULL, &client, &blob, "00", 2), ACCES);
    assert_int_equal(call_lookup(NULL, NULL, &client, &meta, one, 32), ACCES);
    assert_int_equal(call_read(&data, &count, &eof, &client, &frame, 0, 10), ACCES);
    client.uid = client.gid = 0;
    assert_int_equal(call_read(&data, &count, &eof, &client, &frame, 0, 10), OK);
}

static void without_the_option_it_does_not_exist(void **state)
{
    struct fh directory = call_walk(&client, &meta, one), frame = call_walk(&client, &directory, "frame"), none;
    struct fh had_blob = blob, had_meta = meta;
    struct attr attr;
    (void)state;

    end_serving();
    serve("insecure", RENDERINGS_BYTES_MAX);
    assert_int_equal(call_mount(&none, &client, "/blob"), NOENT);
    assert_int_equal(call_mount(&none, &client, "/meta"), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &slash, "blob", 4), NOENT);
    assert_int_equal(call_lookup(NULL, NULL, &client, &slash, "meta", 4), NOENT);
    assert_int_equal(call_getattr(NULL, &client, &had_blob), ACCES);
    assert_int_equal(call_getattr(NULL, &client, &had_meta), ACCES);
    assert_int_equal(call_getattr(NULL, &client, &directory), ACCES);
    assert_int_equal(call_getattr(NULL, &client, &frame), ACCES);
    item_count = 0;
    list_all(&slash, true, 65536);
    assert_true(item_count == 6 && is_listed("cache") && is_listed("snap") && is_listed("layer") &&
                is_listed("chain") && is_listed("diff") && is_listed("at"));
    assert_int_equal(call_getattr(&attr, &client, &slash), OK);
    assert_int_equal(attr.nlink, 2 + 6);
    end_serving();
    serve("insecure,blob", RENDERINGS_BYTES_MAX);
    assert_int_equal(call_getattr(NULL, &client, &had_blob), OK);
    assert_int_equal(call_getattr(NULL, &client, &frame), ACCES);
    item_count = 0;
    list_all(&slash, false, 65536);
    assert_true(item_count == 7 && is_listed("blob") && is_listed("snap"));
    end_serving();
    serve(ALL, RENDERINGS_BYTES_MAX);
    assert_int_equal(call_getattr(NULL, &client, &frame), OK);
}

/* --- What outlives what ------------------------------------------------------------------------------------------- */

/* GETATTR of a file that may have to be made first. */
static void attributes(struct attr *attr, const struct fh *fh)
{
    unsigned tries = 0;

    while (call_getattr(attr, &client, fh) == JUKEBOX && tries++ < 1000)
        process_sleep(0.01);
    assert_true(attr->there);
}

static void handles_outlive_the_server_and_serve_a_copy(void **state)
{
    struct fh directory = call_walk(&client, &meta, one), manifest, content;
    struct attr had_manifest, had_content, attr;
    struct buffer bytes cleanup_buffer = {0}, again cleanup_buffer = {0};
    cleanup_free char *copy = process_path("replica");
    char *original = store, command[600];
    (void)state;

    look_up(&manifest, &had_manifest, &directory, "manifest.jsonl");
    read_file(&bytes, &manifest);
    list_blobs(65536);
    content = call_walk(&client, &blob, (char[]){items[0].name[0], items[0].name[1], '\0'});
    assert_int_equal(call_lookup(&content, &had_content, &client, &content, items[0].name, 64), OK);
    end_serving();
    snprintf(command, sizeof command, "cp -a %s %s", store, copy);
    assert_int_equal(system(command), 0);
    store = copy;
    serve(ALL, RENDERINGS_BYTES_MAX);
    attr.there = false;
    attributes(&attr, &manifest);
    assert_true(same(&attr, &had_manifest));
    read_file(&again, &manifest);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.bytes, bytes.bytes, bytes.size);
    assert_int_equal(call_getattr(&attr, &client, &content), OK);
    assert_true(same(&attr, &had_content));
    fixture_forget(copy, one);
    process_sleep(0.2); /* longer than a worker goes without a look */
    assert_int_equal(call_getattr(NULL, &client, &manifest), STALE);
    assert_int_equal(call_getattr(NULL, &client, &directory), STALE);
    end_serving();
    store = original;
    serve(ALL, RENDERINGS_BYTES_MAX);
}

/* With room for no second rendering they push each other out, and are made again, the same. */
static void renderings_are_let_go_and_made_again(void **state)
{
    static const char *const names[] = {"manifest.jsonl", "sha256sums", "features/process.jsonl"};
    struct buffer first[6] = {0}, bytes cleanup_buffer = {0};
    (void)state;

    end_serving();
    serve(ALL, 1);
    for (unsigned i = 0; i < 30; i++) {
        read_meta(i < 6 ? &first[i] : &bytes, i & 1 ? one : two, names[i % 3]);
        if (i < 6)
            continue;
        assert_int_equal(bytes.size, first[i % 6].size);
        assert_memory_equal(bytes.bytes, first[i % 6].bytes, bytes.size);
    }
    for (unsigned i = 0; i < 6; i++)
        buffer_free(&first[i]);
    end_serving();
    serve(ALL, RENDERINGS_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_content_is_there_by_its_digest),
        cmocka_unit_test(what_is_no_blob_is_not_there),
        cmocka_unit_test(files_are_what_the_command_line_gives),
        cmocka_unit_test(frames_are_read_by_ranges),
        cmocka_unit_test(sums_agree_with_contents),
        cmocka_unit_test(sha256sum_takes_odd_names),
        cmocka_unit_test(xattrs_are_dumped),
        cmocka_unit_test(listings_do_not_wait),
        cmocka_unit_test(only_root_may_look),
        cmocka_unit_test(without_the_option_it_does_not_exist),
        cmocka_unit_test(handles_outlive_the_server_and_serve_a_copy),
        cmocka_unit_test(renderings_are_let_go_and_made_again),
        cmocka_unit_test(listings_bear_an_import),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
