/* image_reference.h - names of images: [HOST[:PORT]/]PATH[:TAG][@DIGEST], as docker and the registries have them.
 *
 *     nginx:1.25                 docker.io/library/nginx, tag 1.25
 *     host:5000/a/b              host:5000/a/b, no tag (none is made up)
 *     quay.io/x/y@sha256:…       quay.io/x/y, no tag
 */
#ifndef IMPORT_IMAGE_REFERENCE_H
#define IMPORT_IMAGE_REFERENCE_H

#include <stdbool.h>

/* Bytes; the limits of the distribution project's grammar. */
#define REFERENCE_NAME_MAX 255
#define REFERENCE_TAG_MAX 128

struct image_reference {
    char name[REFERENCE_NAME_MAX + 1]; /* normalised; "": only a tag is known */
    char tag[REFERENCE_TAG_MAX + 1];   /* "": none */
};

/* False: it is no reference. */
bool reference_parse(struct image_reference *reference, const char *text);

/* The annotation org.opencontainers.image.ref.name, which is only a tag ("latest") or a whole reference. False: it is
 * neither. */
bool reference_parse_ref_name(struct image_reference *reference, const char *text);

#endif
