/* image_layout.c - OCI image layouts (OCI image specification, image-layout.md): indexes lead to manifests, these to a
 * config and layers, all of them blobs that are named by their digests.
 */
#include "import/image_source.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INDEX "index.json"
#define LAYOUT "oci-layout"
#define ANNOTATION_REF_NAME "org.opencontainers.image.ref.name"
#define ANNOTATION_IMAGE_NAME "io.containerd.image.name" /* the whole reference, by containerd and docker */

static bool has(const struct members *members)
{
    return members_have(members, LAYOUT) && members_have(members, INDEX);
}

static bool likes(struct members *members)
{
    return has(members);
}

/* --- What it offers ----------------------------------------------------------------------------------------------- */

static int check_version(struct members *members, struct error *err)
{
    cleanup_json json_t *layout = NULL;
    int rc = document_read(&layout, NULL, members, LAYOUT, err);

    if (rc < 0)
        return rc;
    const char *version = document_text(layout, "imageLayoutVersion");
    if (!version)
        return members_refuse(err, members, LAYOUT, "no imageLayoutVersion");
    return strncmp(version, "1.", 2) == 0 ? 0 : members_refuse(err, members, LAYOUT, "not version 1 of the layout");
}

/* Of two names the longer one counts; what the other one says is found as well. */
static int add_names(struct image_names *names, struct image_source *source, const json_t *descriptor,
                     struct error *err)
{
    const json_t *annotations = json_object_get(descriptor, "annotations");
    const char *whole = document_text(annotations, ANNOTATION_IMAGE_NAME);
    const char *ref = document_text(annotations, ANNOTATION_REF_NAME);
    struct image_name name = {.text = whole ? whole : ref, .alias = whole ? ref : NULL};

    *names = (struct image_names){.first = source->name_count};
    if (!name.text)
        return 0;
    if (!(whole && reference_parse(&name.reference, whole)) && !(ref && reference_parse_ref_name(&name.reference, ref)))
        name.reference = (struct image_reference){0};
    int rc = image_source_add_name(source, &name, err);
    names->count = source->name_count - names->first;
    return rc;
}

static int read_platform(struct image_platform *platform, const json_t *descriptor, const struct image_source *source,
                         const char *where, struct error *err)
{
    const json_t *told = json_object_get(descriptor, "platform");

    *platform = (struct image_platform){0};
    if (!told || platform_set(platform, document_text(told, "os"), document_text(told, "architecture"),
                              document_text(told, "variant")))
        return 0;
    return members_refuse(err, source->members, where, "a platform of more than %d bytes a word", PLATFORM_WORD_MAX);
}

static bool have_one_name(const struct image_source *source, struct image_names a, struct image_names b)
{
    return a.count == b.count &&
           (a.count == 0 || strcmp(source->names[a.first].text, source->names[b.first].text) == 0);
}

/* Of manifests that stand in index.json itself, those of one name that tell their platforms are one image. */
static unsigned group_of(struct image_source *source, const struct image_offer *offer)
{
    for (size_t i = 0; i < source->offer_count && offer->platform.os[0]; i++) {
        const struct image_offer *other = &source->offers[i];

        if (other->stands_alone && other->platform.os[0] && have_one_name(source, offer->names, other->names))
            return other->group;
    }
    return source->groups++;
}

static int walk_index(struct image_source *source, const json_t *index, const char *where,
                      const struct image_offer *above, unsigned depth, struct error *err);

static int walk_below(struct image_source *source, const struct image_offer *offer, unsigned depth, const char *where,
                      struct error *err)
{
    cleanup_json json_t *index = NULL;
    char name[BLOB_NAME_SIZE];

    if (depth == IMAGE_DEPTH_MAX)
        return members_refuse(err, source->members, where, "more than %d indexes inside one another", IMAGE_DEPTH_MAX);
    blob_name(name, &offer->manifest.digest);
    int rc = document_read_blob(&index, NULL, source->members, &offer->manifest, err);
    return rc < 0 ? rc : walk_index(source, index, name, offer, depth + 1, err);
}

/* One descriptor of an index. `above`: the index's own, NULL for index.json. */
static int take_descriptor(struct image_source *source, const json_t *json, const char *where,
                           const struct image_offer *above, unsigned depth, struct error *err)
{
    struct image_offer offer = {.stands_alone = !above};
    int rc = document_descriptor(&offer.manifest, json, source->members, where, err);

    if (rc == 0 && ++source->looked_at > IMAGE_OFFERS_MAX)
        rc = members_refuse(err, source->members, where, "more than %d manifests", IMAGE_OFFERS_MAX);
    if (rc == 0)
        rc = read_platform(&offer.platform, json, source, where, err);
    if (rc == 0 && above)
        offer.names = above->names;
    else if (rc == 0)
        rc = add_names(&offer.names, source, json, err);
    if (rc < 0)
        return rc;
    offer.identity = offer.manifest.digest;
    if (offer.manifest.media == MEDIA_INDEX) {
        offer.group = above ? above->group : source->groups++;
        return walk_below(source, &offer, depth, where, err);
    }
    offer.group = above ? above->group : group_of(source, &offer);
    return image_source_add_offer(source, &offer, err);
}

static int walk_index(struct image_source *source, const json_t *index, const char *where,
                      const struct image_offer *above, unsigned depth, struct error *err)
{
    const json_t *list = json_object_get(index, "manifests"), *descriptor;
    size_t i;
    int rc = 0;

    if (!json_is_array(list))
        return members_refuse(err, source->members, where, "no index, it has no manifests");
    if (json_object_get(index, "config") || json_object_get(index, "layers"))
        return members_refuse(err, source->members, where, "an index and a manifest at once");
    json_array_foreach(list, i, descriptor)
    {
        rc = take_descriptor(source, descriptor, where, above, depth, err);
        if (rc < 0)
            break;
    }
    return rc;
}

/* --- One image ---------------------------------------------------------------------------------------------------- */

static int take_layers(struct image_content *content, const struct image_source *source, const json_t *list,
                       const char *where, struct error *err)
{
    int rc = image_content_expect(content, json_array_size(list), source->members, where, err);

    for (size_t i = 0; i < content->count && rc == 0; i++) {
        struct image_layer *layer = &content->layers[i];
        char name[BLOB_NAME_SIZE];

        rc = document_descriptor(&layer->blob, json_array_get(list, i), source->members, where, err);
        layer->has_blob = rc == 0;
        blob_name(name, &layer->blob.digest);
        if (rc == 0)
            rc = image_content_set_member(content, i, name, err);
    }
    return rc;
}

/* Charts, signatures, attestations are kept like images; what they consist of tells them apart. */
static int check_types(char no_image[static IMAGE_WHY_SIZE], struct image_descriptor *config,
                       const struct image_source *source, const json_t *manifest, const char *where, struct error *err)
{
    const json_t *list = json_object_get(manifest, "layers"), *json;
    struct image_descriptor layer;
    size_t i;

    int rc = document_descriptor(config, json_object_get(manifest, "config"), source->members, where, err);
    if (rc < 0)
        return rc;
    if (config->media != MEDIA_CONFIG)
        snprintf(no_image, IMAGE_WHY_SIZE, "its config is a %s", config->media_type);
    json_array_foreach(list, i, json)
    {
        rc = document_descriptor(&layer, json, source->members, where, err);
        if (rc < 0)
            return rc;
        if (layer.media != MEDIA_LAYER && !no_image[0])
            snprintf(no_image, IMAGE_WHY_SIZE, "a layer is a %s", layer.media_type);
    }
    return 0;
}

static int check_manifest(const struct image_source *source, const json_t *manifest, const char *where,
                          struct error *err)
{
    const json_t *version = json_object_get(manifest, "schemaVersion");

    if (json_is_integer(version) && json_integer_value(version) == 1)
        return members_refuse(err, source->members, where, "a manifest of docker's schema 1, which is not known");
    if (json_object_get(manifest, "manifests"))
        return members_refuse(err, source->members, where, "an index and a manifest at once");
    const json_t *layers = json_object_get(manifest, "layers"); /* null: Go's way to write none */
    if (!json_is_array(layers) && !json_is_null(layers))
        return members_refuse(err, source->members, where, "a manifest without layers");
    return 0;
}

static int load_config(struct image_content *content, const struct image_source *source,
                       const struct image_descriptor *descriptor, struct error *err)
{
    char name[BLOB_NAME_SIZE];
    json_t *config;
    int rc = document_read_blob(&config, &content->bytes, source->members, descriptor, err);

    blob_name(name, &descriptor->digest);
    return rc < 0 ? rc : image_content_read(content, config, source->members, name, err);
}

static int load(struct image_content *content, const struct image_source *source, const struct image_offer *offer,
                struct error *err)
{
    cleanup_json json_t *manifest = NULL;
    struct image_descriptor config;
    char name[BLOB_NAME_SIZE];

    blob_name(name, &offer->manifest.digest);
    if (offer->manifest.media == MEDIA_SCHEMA1)
        return members_refuse(err, source->members, name, "a manifest of docker's schema 1, which is not known");
    if (offer->manifest.media != MEDIA_MANIFEST) {
        snprintf(content->no_image, sizeof content->no_image, "it is a %s", offer->manifest.media_type);
        return 0;
    }
    int rc = document_read_blob(&manifest, NULL, source->members, &offer->manifest, err);
    if (rc == 0)
        rc = check_manifest(source, manifest, name, err);
    if (rc == 0)
        rc = check_types(content->no_image, &config, source, manifest, name, err);
    if (rc < 0 || content->no_image[0])
        return rc;
    rc = load_config(content, source, &config, err);
    return rc < 0 ? rc : take_layers(content, source, json_object_get(manifest, "layers"), name, err);
}

/* --- docker's archives of today ----------------------------------------------------------------------------------- */

/* Names that only manifest.json has: of images that have none in index.json, by their configs. What cannot be loaded is
 * told when it is chosen. */
static int name_offer(struct image_source *source, size_t index, const json_t *items, struct error *err)
{
    cleanup_image_content struct image_content content = {0};
    struct image_names names = {.first = source->name_count};
    struct error why;
    const json_t *item;
    size_t i;
    int rc = 0;

    if (load(&content, source, &source->offers[index], &why) < 0 || content.no_image[0])
        return 0;
    json_array_foreach(items, i, item) if (rc == 0 && image_archive_is_of(item, &content.config)) rc =
        image_archive_names(source, item, err);
    names.count = source->name_count - names.first;
    if (names.count > 0)
        source->offers[index].names = names;
    return rc;
}

static int name_offers(struct image_source *source, struct error *err)
{
    json_t *items;
    int rc = members_have(source->members, "manifest.json") ? image_archive_manifest(&items, source->members, NULL)
                                                            : -ENOENT;

    if (rc < 0) /* whatever it is, it is not needed */
        return 0;
    rc = image_source_keep(source, items, err);
    for (size_t i = 0; i < source->offer_count && rc == 0; i++)
        if (source->offers[i].names.count == 0 && source->offers[i].stands_alone)
            rc = name_offer(source, i, items, err);
    return rc;
}

static int list(struct image_source *source, struct error *err)
{
    json_t *index;
    int rc = check_version(source->members, err);

    if (rc == 0)
        rc = document_read(&index, NULL, source->members, INDEX, err);
    if (rc == 0)
        rc = image_source_keep(source, index, err);
    if (rc == 0)
        rc = walk_index(source, index, INDEX, NULL, 0, err);
    return rc < 0 ? rc : name_offers(source, err);
}

const struct image_kind image_layout = {"oci", has, likes, list, load};
