/* make_store.c - `make_store STORE KIND NUMBER…`: stores of a size that nobody wants to import each time, for
 * bench/growth.
 *
 *     versions COUNT FILES CHANGED   COUNT snapshots of one tree of FILES files, each with CHANGED others changed
 *     flat ENTRIES                   one snapshot, one directory with ENTRIES files
 *     deep FILES                     one snapshot of FILES files, 20 to a directory, and one path of 32 directories
 *     many COUNT                     COUNT snapshots of one small tree
 *
 * Goes through the project's own builder and its publishing. Prints the ids, one a line. Files have no content, but
 * those of "versions" a line of it: what is measured here are trees.
 */
#include "base/error.h"
#include "db/blob.h"
#include "db/snapshot.h"
#include "import/builder.h"
#include "import/record_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECOND = 1000000000,
    DIRECTORY_FILES = 12, /* as many as a Debian system has on average, more or less */
    DEEP = 32,
    FILE_PATH_SIZE = 128,
};

struct making {
    const char *directory;
    struct store *store;
    struct tree_cache *cache;
    struct tree_reader *reader;
    struct error err;
};

static void check(struct making *m, int result)
{
    if (result >= 0)
        return;
    fprintf(stderr, "make_store: %s\n", m->err.text);
    exit(1);
}

static struct builder *begin(struct making *m, enum builder_rule rule)
{
    struct builder *builder = builder_new(rule, m->directory);

    if (!builder) {
        fputs("make_store: out of memory\n", stderr);
        exit(1);
    }
    return builder;
}

static void add(struct making *m, struct builder *builder, const char *path, uint32_t mode, uint64_t mtime)
{
    const struct entry entry = {
        .mode = mode,
        .size = 7000,
        .mtime = mtime * SECOND,
        .flags = S_ISREG(mode) ? ENTRY_ABSENT : 0,
    };

    check(m, builder_add(builder, path, strlen(path), &entry, NULL, 0, &m->err));
}

static void format_path(char path[FILE_PATH_SIZE], unsigned long number)
{
    snprintf(path, FILE_PATH_SIZE, "/usr/share/package-%03lu/part-%lu/file-%lu.so.1", number / (DIRECTORY_FILES * 8),
             number / DIRECTORY_FILES, number);
}

static void add_file(struct making *m, struct builder *builder, unsigned long number, uint64_t mtime)
{
    char path[FILE_PATH_SIZE];

    format_path(path, number);
    add(m, builder, path, S_IFREG | 0644, mtime);
}

static int no_conflicts(void *arg, enum builder_conflict conflict, const char *path, size_t size, uint64_t tag,
                        struct error *err)
{
    (void)arg;
    (void)tag;
    return error_input(err, "%.*s: conflict %d", (int)size, path, (int)conflict);
}

/* Settle and write what was added; frees the builder. */
static struct snapshot finish(struct making *m, struct builder *builder)
{
    struct snapshot snapshot = {.namespace = "bench/growth", .format = "tar"};
    struct record_set none = {0};

    check(m, builder_settle(builder, no_conflicts, NULL, &m->err));
    check(m, builder_write(&snapshot.root, &snapshot.links, builder, m->store, &m->err));
    check(m, record_set_write(&snapshot.features, &none, m->store, &m->err));
    builder_free(builder);
    return snapshot;
}

static void publish(struct making *m, struct snapshot *snapshot, unsigned long time)
{
    char id[SNAPSHOT_ID_HEX_SIZE];
    bool is_new;

    snapshot->time = (1700000000u + time) * (uint64_t)SECOND;
    check(m, snapshot_publish(&is_new, snapshot, m->store, &m->err));
    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    puts(id);
}

/* The same file with a content that says what it is: "NUMBER MTIME\n". */
static void add_file_with_content(struct making *m, struct builder *builder, unsigned long number, uint64_t mtime)
{
    struct entry entry = {.mode = S_IFREG | 0644, .mtime = mtime * SECOND};
    struct entry_digests digests = {0};
    char path[FILE_PATH_SIZE], text[64];

    entry.size = (uint64_t)snprintf(text, sizeof text, "%lu %lu\n", number, (unsigned long)mtime);
    check(m, blob_put(&entry.content, &digests.content, m->store, text, entry.size, &m->err));
    format_path(path, number);
    check(m, builder_add(builder, path, strlen(path), &entry, &digests, 0, &m->err));
}

static void make_versions(struct making *m, const unsigned long *numbers)
{
    unsigned long count = numbers[0], files = numbers[1], changed = numbers[2];
    struct builder *builder = begin(m, BUILDER_ARCHIVE);

    for (unsigned long i = 0; i < files; i++)
        add_file_with_content(m, builder, i, 1);
    struct snapshot image = finish(m, builder);
    for (unsigned long i = 0; i < count; i++) {
        const struct builder_base base = {.reader = m->reader, .tree = tree_of_snapshot(&image), .keep = true};

        builder = begin(m, BUILDER_CHAIN);
        check(m, builder_over(builder, &base, &m->err));
        for (unsigned long j = 0; j < changed; j++)
            add_file_with_content(m, builder, (i * 7919 + j * (files / changed)) % files, 2 + i);
        struct snapshot version = finish(m, builder);
        publish(m, &version, i);
        tree_reader_rest(m->reader);
    }
}

static void make_flat(struct making *m, const unsigned long *numbers)
{
    struct builder *builder = begin(m, BUILDER_ARCHIVE);
    char path[64];

    for (unsigned long i = 0; i < numbers[0]; i++) {
        snprintf(path, sizeof path, "/entry-%08lu", i);
        add(m, builder, path, S_IFREG | 0644, 1);
    }
    struct snapshot snapshot = finish(m, builder);
    publish(m, &snapshot, 0);
}

static void make_deep(struct making *m, const unsigned long *numbers)
{
    struct builder *builder = begin(m, BUILDER_ARCHIVE);
    char path[8 * DEEP] = "";

    for (unsigned long i = 0; i < numbers[0]; i++)
        add_file(m, builder, i, 1);
    for (int i = 0; i < DEEP; i++)
        strcat(path, "/deep");
    add(m, builder, path, S_IFREG | 0644, 1);
    struct snapshot snapshot = finish(m, builder);
    publish(m, &snapshot, 0);
}

static void make_many(struct making *m, const unsigned long *numbers)
{
    struct builder *builder = begin(m, BUILDER_ARCHIVE);

    add_file(m, builder, 0, 1);
    struct snapshot snapshot = finish(m, builder);
    for (unsigned long i = 0; i < numbers[0]; i++) {
        char namespace[32];

        /* One tree, source and time apart: what the store would take for the same capture has another name. */
        snprintf(namespace, sizeof namespace, "bench/%lu", i);
        snapshot.namespace = namespace;
        publish(m, &snapshot, i);
    }
}

static const struct kind {
    const char *name;
    int numbers;
    void (*make)(struct making *m, const unsigned long *numbers);
} kinds[] = {{"versions", 3, make_versions}, {"flat", 1, make_flat}, {"deep", 1, make_deep}, {"many", 1, make_many}};

static const struct kind *find_kind(int argc, char **argv)
{
    for (size_t i = 0; argc >= 3 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, argv[2]) == 0 && argc == 3 + kinds[i].numbers)
            return &kinds[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static struct making m;
    const struct kind *kind = find_kind(argc, argv);
    unsigned long numbers[3] = {0};

    for (int i = 3; kind && i < argc; i++)
        numbers[i - 3] = strtoul(argv[i], NULL, 10);
    if (!kind || numbers[0] == 0) {
        fputs("usage: make_store STORE versions COUNT FILES CHANGED | flat ENTRIES | deep FILES | many COUNT\n",
              stderr);
        return 2;
    }
    m.directory = argv[1];
    check(&m, store_open(&m.store, argv[1], STORE_CREATE, &m.err));
    check(&m, tree_cache_new(&m.cache, TREE_CACHE_DEFAULT, &m.err));
    check(&m, tree_reader_new(&m.reader, m.store, m.cache, &m.err));
    kind->make(&m, numbers);
    tree_reader_free(m.reader);
    tree_cache_free(m.cache);
    store_close(m.store);
    return 0;
}
