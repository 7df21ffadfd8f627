/* frame_harness.c - see frame_harness.h. */
#include "tests/unit/import/frame_harness.h"

#include "base/quote.h"
#include "base/timestamp.h"
#include "tree/features.h"
#include "tree/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct import_options *current;

static void warn(void *arg, const char *text)
{
    struct outcome *outcome = arg;

    buffer_add_text(&outcome->warnings, text);
    buffer_add_byte(&outcome->warnings, '\n');
}

static int add_bytes(void *arg, const void *bytes, size_t size)
{
    buffer_add(arg, bytes, size);
    return 0;
}

static int add_feature(void *arg, const struct feature *feature)
{
    struct buffer *out = arg;

    if (feature->type_size == strlen(FEATURE_NOTE) && memcmp(feature->type, FEATURE_NOTE, feature->type_size) == 0)
        return 0;
    buffer_add(out, feature->type, feature->type_size);
    buffer_add_byte(out, ' ');
    quote_json(out, feature->key, feature->key_size);
    buffer_add_byte(out, ' ');
    buffer_add(out, feature->value, feature->value_size);
    buffer_add_byte(out, '\n');
    return 0;
}

static void dump(struct buffer *out, struct store *store, const struct snapshot *snapshot)
{
    char id[SNAPSHOT_ID_HEX_SIZE], time[TIMESTAMP_TEXT_SIZE];
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct error err;

    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    timestamp_format(time, snapshot->time);
    buffer_add_format(out, "snapshot %s %s %s%s\n", id, snapshot->namespace, time, snapshot->partial ? " partial" : "");
    assert_int_equal(tree_cache_new(&cache, TREE_CACHE_DEFAULT, &err), 0);
    assert_int_equal(tree_reader_new(&reader, store, cache, &err), 0);
    assert_int_equal(manifest_write(reader, snapshot, add_bytes, out, &err), 0);
    assert_int_equal(features_visit(store, snapshot->features.id, NULL, add_feature, out, &err), 0);
    tree_reader_free(reader);
    tree_cache_free(cache);
}

static int imported(void *arg, const struct snapshot *snapshot, bool is_new)
{
    struct outcome *outcome = arg;

    outcome->snapshots++;
    outcome->new_ones += is_new;
    outcome->last = *snapshot;
    outcome->last.namespace = NULL;
    if (outcome->dumping)
        dump(&outcome->dump, current->store, snapshot);
    return 0;
}

static void begin(struct outcome *outcome, struct import_options *options)
{
    current = options;
    options->warn = warn;
    options->imported = imported;
    options->arg = outcome;
}

static void end(struct outcome *outcome)
{
    if (outcome->warnings.size)
        buffer_add(&outcome->dump, outcome->warnings.bytes, outcome->warnings.size);
}

static int import(struct outcome *outcome, struct import_options *options, struct source *source, struct error *err)
{
    begin(outcome, options);
    int rc = import_frame(options, source, err);
    source_close(source);
    end(outcome);
    return rc;
}

int harness_source(struct source **source, int fd, const char *name, struct error *err)
{
    struct input *input;
    int rc = input_open_fd(&input, fd, name, err);

    return rc < 0 ? rc : source_open(source, input, err);
}

int harness_source_file(struct source **source, const char *path, struct error *err)
{
    struct input *input;
    int rc = input_open(&input, path, err);

    return rc < 0 ? rc : source_open(source, input, err);
}

int harness_import(struct outcome *outcome, struct import_options *options, const void *bytes, size_t size,
                   struct error *err)
{
    int fd = memfd_create("frame", MFD_CLOEXEC);
    struct source *source;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(harness_source(&source, fd, "frame", err), 0);
    return import(outcome, options, source, err);
}

int harness_import_tar(struct outcome *outcome, struct import_options *options, const void *bytes, size_t size,
                       const char *name, struct error *err)
{
    int fd = memfd_create("tar", MFD_CLOEXEC);
    struct input *input;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(input_open_fd(&input, fd, name, err), 0);
    begin(outcome, options);
    int rc = import_tar(options, input, err);
    input_close(input);
    end(outcome);
    return rc;
}

int harness_import_file(struct outcome *outcome, struct import_options *options, const char *path, struct error *err)
{
    struct source *source;
    int rc = harness_source_file(&source, path, err);

    return rc < 0 ? rc : import(outcome, options, source, err);
}

void outcome_free(struct outcome *outcome)
{
    buffer_free(&outcome->dump);
    buffer_free(&outcome->warnings);
}

char *harness_read_file(size_t *size, const char *path)
{
    FILE *file = fopen(path, "re");
    char *bytes = NULL;
    size_t read = 0;
    FILE *memory = file ? open_memstream(&bytes, &read) : NULL;
    char block[4096];
    size_t n;

    while (memory && (n = fread(block, 1, sizeof block, file)) > 0)
        fwrite(block, 1, n, memory);
    if (memory)
        fclose(memory);
    if (file)
        fclose(file);
    if (size)
        *size = read;
    return bytes;
}

bool harness_store_is_empty(struct store *store)
{
    struct blob blob;
    struct digest digest;
    struct error err;

    return blob_find(&blob, store, 1, &err) == -ENOENT && node_digest(&digest, store, 1, &err) == -ENOENT;
}
