/* image_source.c - which kind of source it is, and what the kinds have in common. */
#include "import/image_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first one that fits: what docker saves today is a layout as well, and that says more. */
static const struct image_kind *const KINDS[][3] = {
    [IMAGE_ANY] = {&image_layout, &image_archive, &image_legacy},
    [IMAGE_OCI] = {&image_layout},
    [IMAGE_DOCKER] = {&image_archive, &image_legacy},
};
static const char *const MISSING[] = {
    [IMAGE_OCI] = "no OCI image layout, it has no oci-layout and index.json",
    [IMAGE_DOCKER] = "no docker archive, it has neither manifest.json nor repositories",
};

/* Of what somebody said it is, the shape is looked at later, so that there is a word on it. */
static const struct image_kind *kind_of(struct members *members, enum image_format format)
{
    for (size_t i = 0; i < sizeof KINDS[0] / sizeof *KINDS[0] && KINDS[format][i]; i++)
        if (KINDS[format][i]->has(members) && (format != IMAGE_ANY || KINDS[format][i]->likes(members)))
            return KINDS[format][i];
    return NULL;
}

int image_source_open(struct image_source **source, struct members *members, enum image_format format,
                      const struct import_options *options, struct error *err)
{
    const struct image_kind *kind = kind_of(members, format);
    struct image_source *s = kind ? calloc(1, sizeof *s) : NULL;
    int rc = 0;

    if (s)
        s->kept = json_array();
    if (!kind)
        rc = format == IMAGE_ANY ? -ENOENT : error_input(err, "%s: %s", members_name(members), MISSING[format]);
    else if (!s || !s->kept)
        rc = error_system(err, ENOMEM, "%s", members_name(members));
    if (rc < 0) {
        free(s);
        members_close(members);
        return rc;
    }
    s->options = options;
    s->members = members;
    s->kind = kind;
    rc = kind->list(s, err);
    if (rc < 0)
        image_source_close(s);
    else
        *source = s;
    return rc;
}

void image_source_close(struct image_source *source)
{
    if (!source)
        return;
    members_close(source->members);
    json_decref(source->kept);
    free(source->offers);
    free(source->names);
    free(source);
}

int image_source_keep(struct image_source *source, json_t *json, struct error *err)
{
    return json_array_append_new(source->kept, json) == 0
               ? 0
               : error_system(err, ENOMEM, "%s", members_name(source->members));
}

/* Room for one more: at each power of two it doubles. */
static int make_room(void *list, size_t count, size_t size)
{
    void **items = list;

    if (count & (count - 1))
        return 0;
    void *more = reallocarray(*items, count ? 2 * count : 1, size);
    if (!more)
        return -ENOMEM;
    *items = more;
    return 0;
}

int image_source_add_name(struct image_source *source, const struct image_name *name, struct error *err)
{
    if (source->name_count == IMAGE_NAMES_MAX)
        return error_input(err, "%s: more than %d names", members_name(source->members), IMAGE_NAMES_MAX);
    if (make_room(&source->names, source->name_count, sizeof *name) < 0)
        return error_system(err, ENOMEM, "%s", members_name(source->members));
    source->names[source->name_count++] = *name;
    return 0;
}

int image_source_add_offer(struct image_source *source, const struct image_offer *offer, struct error *err)
{
    if (source->offer_count == IMAGE_OFFERS_MAX)
        return error_input(err, "%s: more than %d images", members_name(source->members), IMAGE_OFFERS_MAX);
    if (make_room(&source->offers, source->offer_count, sizeof *offer) < 0)
        return error_system(err, ENOMEM, "%s", members_name(source->members));
    source->offers[source->offer_count++] = *offer;
    return 0;
}

void image_source_skip(struct image_source *source, const struct image_offer *offer, const char *why)
{
    char hex[DIGEST_HEX_SIZE];

    if (source->skipped++ > 0)
        return;
    hex_encode(hex, offer->identity.bytes, DIGEST_SIZE);
    snprintf(source->first_skipped, sizeof source->first_skipped, "sha256:%s: %s", hex, why);
}
