/* Each allocation of reading an image's documents and layers fails in turn: an error of the system comes of it, nothing
 * is left, and the next try finds all as it should. The linker puts our allocators in the place of the C library's
 * (-Wl,--wrap). */
#include "import/image_document.h"
#include "import/layer.h"

#include "tests/unit/scratch.h"

#include "base/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { TRIES_MAX = 100000 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

static atomic_long until_failure; /* allocations, of all threads; 0 and below: none fails */
static struct error err;

static bool fails(void)
{
    return until_failure > 0 && atomic_fetch_sub(&until_failure, 1) == 1;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

/* Try with the first allocation failing, the second, …, until none does. */
static void try_all(int (*try)(void *arg), void *arg)
{
    long tries = 0;
    bool failed;
    int rc;

    do {
        memset(&err, 0, sizeof err);
        until_failure = ++tries;
        rc = try(arg);
        failed = until_failure <= 0;
        until_failure = 0;
        if (rc < 0 && (err.code != EXIT_SYSTEM || !err.text[0]))
            fail_msg("allocation %ld: %d %s", tries, rc, err.text);
    } while (failed && tries < TRIES_MAX);
    assert_int_equal(rc, 0);
    assert_true(tries > 5 && tries < TRIES_MAX);
}

/* --- Documents ---------------------------------------------------------------------------------------------------- */

static const char TEXT[] = "{\"digest\":\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\","
                           "\"list\":[1,\"two\",{\"three\":true}]}";

static int read_document(void *expected)
{
    cleanup_json json_t *document = NULL;
    struct members *members;
    int rc = members_open_dir(&members, scratch_make(), &err);

    if (rc < 0)
        return rc;
    rc = document_read(&document, NULL, members, "document", &err);
    members_close(members);
    if (rc == 0 && !json_equal(document, expected))
        fail_msg("it is another one");
    return rc;
}

/* jansson leaves out what it has no memory for, or says that something else was expected. */
static void documents_are_read_whole_or_not(void **state)
{
    cleanup_json json_t *expected = json_loads(TEXT, 0, NULL);
    char path[4096];
    (void)state;

    snprintf(path, sizeof path, "%s/document", scratch_make());
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(TEXT, out);
    fclose(out);
    try_all(read_document, expected);
}

/* --- Layers ------------------------------------------------------------------------------------------------------- */

static void add_header(struct buffer *tar, char type, const char *name, const char *target, size_t size)
{
    char header[513] = {0};
    unsigned sum = 0;

    strncpy(header, name, 100);
    snprintf(header + 100, 8, "0000644");
    snprintf(header + 108, 8, "0000000");
    snprintf(header + 116, 8, "0000000");
    snprintf(header + 124, 12, "%011o", (unsigned)size);
    snprintf(header + 136, 12, "00000000005");
    memset(header + 148, ' ', 8);
    header[156] = type;
    strncpy(header + 157, target, 100);
    memcpy(header + 257, "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    buffer_add(tar, header, 512);
}

static void add_file(struct buffer *tar, const char *name, const char *content)
{
    add_header(tar, '0', name, "", strlen(content));
    buffer_add_text(tar, content);
    while (tar->size % 512)
        buffer_add_byte(tar, 0);
}

struct importing {
    struct store *store;
    struct buffer tar;
    struct digest diffid;
    const struct layer *below;
    struct layer alone, chain;
};

static void end_tar(struct importing *i)
{
    static const uint8_t zeros[1024];
    struct sha256 *sha = sha256_new();

    buffer_add(&i->tar, zeros, sizeof zeros);
    sha256_of(&i->diffid, sha, i->tar.bytes, i->tar.size);
    sha256_free(sha);
}

static int open_tar(struct input **input, const struct importing *i)
{
    int fd = memfd_create("layer", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, i->tar.bytes, i->tar.size), (ssize_t)i->tar.size);
    lseek(fd, 0, SEEK_SET);
    return input_open_fd(input, fd, "layer", &err);
}

static int read_tar(struct importing *i, struct tree_reader *reader)
{
    const struct import_options options = {.store = i->store};
    struct layer_report report = {0};
    struct input *input;
    int rc = open_tar(&input, i);
    if (rc < 0)
        return rc;
    rc = layer_import(&i->alone, &i->chain, &report, &options, input, &i->diffid, i->below, reader, &err);
    input_close(input);
    return rc;
}

static int import_layer(void *arg)
{
    struct importing *i = arg;
    struct tree_reader *reader = NULL;
    struct tree_cache *cache = NULL;
    int rc = tree_cache_new(&cache, 1 << 20, &err);

    if (rc == 0)
        rc = tree_reader_new(&reader, i->store, cache, &err);
    if (rc == 0)
        rc = read_tar(i, reader);
    if (rc == 0)
        rc = store_flush(i->store, &err);
    if (rc < 0)
        store_rollback(i->store);
    tree_reader_free(reader);
    tree_cache_free(cache);
    return rc;
}

static void layers_are_built_or_not(void **state)
{
    struct importing lower = {.store = scratch_store(STORE_CREATE)}, upper = {.store = lower.store};
    (void)state;

    add_header(&lower.tar, '5', "d", "", 0);
    add_file(&lower.tar, "d/a", "content");
    add_header(&lower.tar, '1', "d/b", "d/a", 0);
    add_header(&lower.tar, '2', "l", "d", 0);
    add_file(&lower.tar, "e/f", "more");
    end_tar(&lower);
    try_all(import_layer, &lower);
    assert_int_equal(lower.chain.root.counts.nodes, 7);
    assert_int_equal(lower.chain.links.counts.entries, 1);

    upper.below = &lower.chain;
    add_file(&upper.tar, "l/.wh.a", "");
    add_header(&upper.tar, '1', "l/c", "e/f", 0);
    add_header(&upper.tar, '1', "n", "no", 0);
    add_file(&upper.tar, "e/g", "new");
    add_file(&upper.tar, ".wh.e", "");
    end_tar(&upper);
    try_all(import_layer, &upper);
    assert_int_equal(upper.chain.root.counts.nodes, 7); /* /, d, d/b, d/c, e, e/g, l */
    assert_int_equal(upper.chain.links.counts.entries, 0);
    assert_int_equal(upper.chain.notes.counts.entries, 1);
    buffer_free(&lower.tar);
    buffer_free(&upper.tar);
    store_close(lower.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_read_whole_or_not),
        cmocka_unit_test(layers_are_built_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, scratch_tear_down);
}
