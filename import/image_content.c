/* image_content.c - the image's config (OCI image specification, config.md). */
#include "import/image_content.h"

#include "base/cleanup.h"
#include "base/timestamp.h"
#include "db/layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2000-01-01. What is made reproducibly says 1970 or 1980, which is no time that it was made at. */
#define CREATED_MIN (946684800ull * NANOSECONDS)

static int read_platform(struct image_content *content, const struct members *members, const char *where,
                         struct error *err)
{
    const json_t *config = content->document;

    if (platform_set(&content->platform, document_text(config, "os"), document_text(config, "architecture"),
                     document_text(config, "variant")))
        return 0;
    return members_refuse(err, members, where, "a platform of more than %d bytes a word", PLATFORM_WORD_MAX);
}

static void read_created(struct image_content *content)
{
    const char *text = document_text(content->document, "created");
    uint64_t ns;

    if (text && timestamp_parse(&ns, text, strlen(text)) && ns >= CREATED_MIN)
        content->created = ns;
}

static int read_diffids(struct image_content *content, const struct members *members, const char *where,
                        struct error *err)
{
    const json_t *rootfs = json_object_get(content->document, "rootfs");
    const json_t *list = json_object_get(rootfs, "diff_ids");
    const char *type = document_text(rootfs, "type");
    int rc = 0;

    if (rootfs && !json_is_null(rootfs) && (!type || strcmp(type, "layers") != 0))
        return members_refuse(err, members, where, "a root file system that is not made of layers");
    if (list && !json_is_null(list) && !json_is_array(list))
        return members_refuse(err, members, where, "diff_ids that are no array");
    if (json_array_size(list) > IMAGE_LAYERS_MAX)
        return members_refuse(err, members, where, "more than %d layers", IMAGE_LAYERS_MAX);
    content->layers = calloc(json_array_size(list) + 1, sizeof *content->layers);
    if (!content->layers)
        return error_system(err, ENOMEM, "%s", members_name(members));
    content->count = json_array_size(list);
    for (size_t i = 0; i < content->count && rc == 0; i++) {
        struct image_layer *layer = &content->layers[i];

        rc = document_digest(&layer->diffid, json_string_value(json_array_get(list, i)), "a diffID", members, where,
                             err);
        if (rc == 0 && !layer_chain_id(&layer->chain, i > 0 ? &layer[-1].chain : NULL, &layer->diffid))
            rc = error_system(err, ENOMEM, "%s", members_name(members));
    }
    return rc;
}

static bool has_layer(const json_t *history)
{
    return !json_is_true(json_object_get(history, "empty_layer"));
}

/* History tells of each layer, if it has as many entries with one as there are layers. */
static void read_history(struct image_content *content)
{
    const json_t *history = json_object_get(content->document, "history"), *entry;
    size_t index, with_layer = 0, at = 0;

    json_array_foreach(history, index, entry) with_layer += has_layer(entry);
    if (with_layer != content->count)
        return;
    json_array_foreach(history, index, entry)
    {
        if (!has_layer(entry))
            continue;
        content->layers[at].created = document_text(entry, "created");
        content->layers[at++].created_by = document_text(entry, "created_by");
    }
}

int image_content_read(struct image_content *content, json_t *document, const struct members *members,
                       const char *where, struct error *err)
{
    struct sha256 *sha = sha256_new();

    content->document = document;
    if (!sha)
        return error_system(err, ENOMEM, "%s", members_name(members));
    sha256_of(&content->config, sha, content->bytes.bytes, content->bytes.size);
    sha256_free(sha);
    if (!json_is_object(document))
        return members_refuse(err, members, where, "a config that is no object");
    int rc = read_platform(content, members, where, err);
    if (rc == 0)
        rc = read_diffids(content, members, where, err);
    if (rc < 0)
        return rc;
    read_created(content);
    read_history(content);
    return 0;
}

int image_content_expect(const struct image_content *content, size_t layers, const struct members *members,
                         const char *where, struct error *err)
{
    if (layers == content->count)
        return 0;
    return members_refuse(err, members, where, "%zu layers, where the config has %zu diff_ids", layers, content->count);
}

int image_content_set_member(struct image_content *content, size_t layer, const char *member, struct error *err)
{
    content->layers[layer].member = strdup(member);
    return content->layers[layer].member ? 0 : error_system(err, ENOMEM, "a layer");
}

void image_content_free(struct image_content *content)
{
    for (size_t i = 0; i < content->count; i++)
        free(content->layers[i].member);
    free(content->layers);
    json_decref(content->document);
    buffer_free(&content->bytes);
    *content = (struct image_content){0};
}
