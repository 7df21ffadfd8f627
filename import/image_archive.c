/* image_archive.c - what `docker save` writes since 1.10: manifest.json lists configs, names and layers by their
 * members.
 */
#include "import/image_source.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST "manifest.json"

/* --- manifest.json ------------------------------------------------------------------------------------------------ */

static bool are_texts(const json_t *list)
{
    const json_t *text;
    size_t i;

    json_array_foreach(list, i, text) if (!json_is_string(text)) return false;
    return true;
}

static bool is_item(const json_t *item)
{
    const json_t *tags = json_object_get(item, "RepoTags"), *layers = json_object_get(item, "Layers");

    return document_text(item, "Config") && (!tags || json_is_null(tags) || json_is_array(tags)) && are_texts(tags) &&
           (json_is_array(layers) || json_is_null(layers)) && are_texts(layers);
}

int image_archive_manifest(json_t **manifest, struct members *members, struct error *err)
{
    cleanup_json json_t *list = NULL;
    const json_t *item;
    size_t i;
    int rc = document_read(&list, NULL, members, MANIFEST, err);

    if (rc < 0)
        return rc;
    if (!json_is_array(list))
        return members_refuse(err, members, MANIFEST, "not a list of images, as docker writes it");
    json_array_foreach(list, i, item) if (!is_item(item)) return members_refuse(
        err, members, MANIFEST, "not an image with Config, RepoTags and Layers");
    *manifest = take(list);
    return 0;
}

static bool has(const struct members *members)
{
    return members_have(members, MANIFEST);
}

static bool likes(struct members *members)
{
    cleanup_json json_t *manifest = NULL;
    struct error why;

    return image_archive_manifest(&manifest, members, &why) == 0;
}

int image_archive_names(struct image_source *source, const json_t *item, struct error *err)
{
    const json_t *tags = json_object_get(item, "RepoTags"), *tag;
    size_t i;
    int rc = 0;

    json_array_foreach(tags, i, tag)
    {
        struct image_name name = {.text = json_string_value(tag)};

        if (strcmp(name.text, "<none>:<none>") == 0)
            continue;
        if (!reference_parse(&name.reference, name.text))
            name.reference = (struct image_reference){0};
        rc = image_source_add_name(source, &name, err);
        if (rc < 0)
            break;
    }
    return rc;
}

/* The digest that a member's name claims: "<hex>.json", "sha256:<hex>" or "blobs/sha256/<hex>". */
static bool claimed_digest(struct digest *digest, const char *member)
{
    const char *slash = strrchr(member, '/'), *name = slash ? slash + 1 : member;

    if (strncmp(name, "sha256:", strlen("sha256:")) == 0)
        name += strlen("sha256:");
    size_t size = strcspn(name, ".");
    return (!name[size] || strcmp(name + size, ".json") == 0) && hex_decode(digest->bytes, DIGEST_SIZE, name, size);
}

bool image_archive_is_of(const json_t *item, const struct digest *config)
{
    struct digest claimed;

    return claimed_digest(&claimed, document_text(item, "Config")) && digest_equal(&claimed, config);
}

/* --- What it offers ----------------------------------------------------------------------------------------------- */

static int take_item(struct image_source *source, const json_t *item, struct sha256 *sha, struct error *err)
{
    struct image_offer offer = {.group = source->groups++, .names.first = source->name_count, .item = item};
    const char *config = document_text(item, "Config");
    int rc = image_archive_names(source, item, err);

    offer.names.count = source->name_count - offer.names.first;
    sha256_of(&offer.identity, sha, config, strlen(config));
    return rc < 0 ? rc : image_source_add_offer(source, &offer, err);
}

static int list(struct image_source *source, struct error *err)
{
    struct sha256 *sha = sha256_new();
    const json_t *item;
    json_t *manifest;
    size_t i;
    int rc = sha ? image_archive_manifest(&manifest, source->members, err)
                 : error_system(err, ENOMEM, "%s", members_name(source->members));

    if (rc == 0)
        rc = image_source_keep(source, manifest, err);
    if (rc == 0)
        json_array_foreach(manifest, i, item)
        {
            rc = take_item(source, item, sha, err);
            if (rc < 0)
                break;
        }
    sha256_free(sha);
    return rc;
}

/* --- One image ---------------------------------------------------------------------------------------------------- */

static int take_layers(struct image_content *content, const struct image_source *source, const json_t *list,
                       struct error *err)
{
    int rc = image_content_expect(content, json_array_size(list), source->members, MANIFEST, err);

    for (size_t i = 0; i < content->count && rc == 0; i++)
        rc = image_content_set_member(content, i, json_string_value(json_array_get(list, i)), err);
    return rc;
}

static int load(struct image_content *content, const struct image_source *source, const struct image_offer *offer,
                struct error *err)
{
    const char *member = document_text(offer->item, "Config");
    struct digest claimed;
    json_t *config;
    int rc = document_read(&config, &content->bytes, source->members, member, err);

    if (rc == 0)
        rc = image_content_read(content, config, source->members, member, err);
    if (rc == 0 && claimed_digest(&claimed, member) && !digest_equal(&claimed, &content->config))
        rc = members_refuse(err, source->members, member, "its SHA-256 is not the one in its name");
    return rc < 0 ? rc : take_layers(content, source, json_object_get(offer->item, "Layers"), err);
}

const struct image_kind image_archive = {"docker", has, likes, list, load};
