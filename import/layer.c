/* layer.c - one tar, two trees: what it holds, and what the chain below becomes with it. */
#include "import/layer.h"

#include "import/tar.h"
#include "tree/features.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct layering {
    struct tar *tar;
    const struct layer *below;
    struct tree_reader *reader;
};

/* --- Notes -------------------------------------------------------------------------------------------------------- */

struct copying {
    struct record_set *to;
    struct error *err;
};

static int copy_note(void *arg, const struct feature *note, struct error *err)
{
    return record_set_add(arg, note, err);
}

static int copy_stored_note(void *arg, const struct feature *note)
{
    const struct copying *copying = arg;

    return record_set_add(copying->to, note, copying->err);
}

/* --- Trees -------------------------------------------------------------------------------------------------------- */

/* What the tar holds, by itself. *is_whole: nothing of it would be another thing over nothing. */
static int build_alone(struct layer *alone, bool *is_whole, struct layering *l, struct error *err)
{
    struct store *store = l->tar->options->store;
    struct record_set notes = tar_notes(l->tar);
    struct tar_build build = {.rule = BUILDER_LAYER, .notes = &notes};
    int rc = record_set_visit(&l->tar->notes, copy_note, &notes, err);

    if (rc == 0)
        rc = tar_build(&build, l->tar, err);
    if (rc == 0)
        rc = record_set_write(&alone->notes, &notes, store, err);
    record_set_free(&notes);
    alone->root = build.root;
    alone->links = build.links;
    *is_whole = !build.has_dangling && l->tar->whiteouts == 0 && alone->notes.counts.entries == 0;
    return rc;
}

/* What the chain below becomes. */
static int build_chain(struct layer *chain, struct layering *l, struct error *err)
{
    struct store *store = l->tar->options->store;
    const struct builder_base base = {
        .reader = l->reader,
        .tree = l->below ? tree_of(&l->below->root, &l->below->links) : (struct tree){0},
        .keep = true,
    };
    struct tar_build build = {.rule = BUILDER_CHAIN, .base = l->below ? &base : NULL, .notes = &l->tar->notes};
    struct copying copying = {&l->tar->notes, err};
    int rc = tar_build(&build, l->tar, err);

    if (rc == 0 && l->below)
        rc = features_visit(store, l->below->notes.id, NULL, copy_stored_note, &copying, err);
    if (rc == 0)
        rc = record_set_write(&chain->notes, &l->tar->notes, store, err);
    chain->root = build.root;
    chain->links = build.links;
    return rc;
}

static int build_both(struct layer *alone, struct layer *chain, struct layering *l, struct error *err)
{
    struct digest id = chain->digest;
    bool is_whole;
    int rc = build_alone(alone, &is_whole, l, err);

    if (rc < 0 || l->below || !is_whole)
        return rc < 0 ? rc : build_chain(chain, l, err);
    *chain = *alone;
    chain->digest = id;
    return 0;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static int check_digest(struct tar *tar, const struct digest *expected, struct error *err)
{
    char is[DIGEST_HEX_SIZE], should[DIGEST_HEX_SIZE];
    struct digest digest;

    plain_digest(&digest, tar->plain);
    if (digest_equal(&digest, expected))
        return 0;
    hex_encode(is, digest.bytes, DIGEST_SIZE);
    hex_encode(should, expected->bytes, DIGEST_SIZE);
    return error_input(err,
                       "%s: another layer than the image's: it uncompresses to sha256:%s, the config says sha256:%s",
                       input_name(tar->input), is, should);
}

static void report_left_out(struct layer_report *report, const struct tar *tar)
{
    if (report->left_out == 0)
        memcpy(report->first_why, tar->first_why, sizeof report->first_why);
    report->left_out += tar->left_out;
}

int layer_import(struct layer *alone, struct layer *chain, struct layer_report *report,
                 const struct import_options *given, struct input *input, const struct digest *diffid,
                 const struct layer *below, struct tree_reader *reader, struct error *err)
{
    struct import_options options = *given;
    struct layering l = {.below = below, .reader = reader};

    options.strip_prefix = NULL;
    options.partial = false;
    if (!options.size_max)
        options.size_max = IMPORT_SIZE_MAX;
    *alone = (struct layer){.digest = *diffid};
    *chain = (struct layer){0};
    if (!layer_chain_id(&chain->digest, below ? &below->digest : NULL, diffid))
        return error_system(err, ENOMEM, "%s", input_name(input));
    int rc = tar_new(&l.tar, &options, input, err);
    if (rc < 0)
        return rc;
    l.tar->is_named = true;
    rc = tar_read(l.tar, err);
    if (rc == 0)
        rc = check_digest(l.tar, diffid, err);
    if (rc == 0)
        rc = build_both(alone, chain, &l, err);
    if (rc == 0)
        report_left_out(report, l.tar);
    tar_free(l.tar);
    return rc;
}
