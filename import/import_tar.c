/* import_tar.c - a tar into the store, and what people are told of it. */
#include "import/tar.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/lease.h"
#include "db/snapshot.h"
#include "import/source_name.h"

#include <errno.h>

static void warn_left_out(const struct tar *tar, const struct snapshot *snapshot)
{
    char id[SNAPSHOT_ID_HEX_SIZE];
    struct buffer text cleanup_buffer = {0};

    if (tar->left_out == 0 || !tar->options->warn)
        return;
    hex_encode(id, snapshot->id, SNAPSHOT_ID_SIZE);
    buffer_add_format(&text, "%llu %s left out (first: %s: %s); see confuse manifest %s",
                      (unsigned long long)tar->left_out, tar->left_out == 1 ? "entry" : "entries",
                      input_name(tar->input), tar->first_why, id);
    buffer_add_byte(&text, '\0');
    if (!text.failed)
        tar->options->warn(tar->options->arg, (const char *)text.bytes);
}

static int publish(struct snapshot *snapshot, bool *is_new, struct tar *tar, struct error *err)
{
    const struct import_options *options = tar->options;
    struct tar_build build = {.rule = BUILDER_ARCHIVE, .notes = &tar->notes};
    int rc = tar_build(&build, tar, err);

    *snapshot = (struct snapshot){
        .namespace = options->namespace,
        .time = options->has_time ? options->time : timestamp_now(),
        .format = "tar",
        .has_source = true,
        .partial = tar->partial,
        .root = build.root,
        .links = build.links,
    };
    plain_digest(&snapshot->source, tar->plain);
    if (rc == 0)
        rc = record_set_write(&snapshot->features, &tar->notes, options->store, err);
    return rc < 0 ? rc : snapshot_publish(is_new, snapshot, options->store, err);
}

int import_tar(const struct import_options *given, struct input *input, struct error *err)
{
    struct import_options options = *given;
    cleanup_free char *namespace = NULL;
    struct snapshot snapshot;
    struct tar *tar = NULL;
    bool is_new;
    int rc = options.namespace ? 0 : source_name_of_file(&namespace, input, "a tar", err);

    if (namespace)
        options.namespace = namespace;
    if (!options.size_max)
        options.size_max = IMPORT_SIZE_MAX;
    if (rc == 0)
        rc = lease_begin(options.store, err);
    if (rc == 0)
        rc = tar_new(&tar, &options, input, err);
    if (rc == 0)
        rc = tar_read(tar, err);
    if (rc == 0)
        rc = publish(&snapshot, &is_new, tar, err);
    if (rc < 0)
        store_rollback(options.store);
    if (rc == 0 && options.imported)
        rc = options.imported(options.arg, &snapshot, is_new);
    if (rc == 0)
        warn_left_out(tar, &snapshot);
    tar_free(tar);
    return rc;
}
