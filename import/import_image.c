/* import_image.c - images from a directory or a stream, what they are called, and what people are told of them. */
#include "import/image_source.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/quote.h"
#include "import/gunzip.h"
#include "import/image_store.h"
#include "import/plain.h"
#include "import/source_name.h"
#include "import/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SHOWN 255u          /* bytes of a name in a warning; references are no longer */
#define PROGRESS_STEP (1u << 20) /* bytes of a stream between two reports */
#define CACHE_SIZE (16u << 20)   /* bytes of nodes of the chain below: layers go along it, and seldom come back */

struct importing {
    struct image_source *source;
    struct tree_cache *cache;
    struct tree_reader *reader;
    const char *own; /* the source's own name; NULL: it has none */
    uint64_t images;
};

/* --- Names -------------------------------------------------------------------------------------------------------- */

static void warn(const struct import_options *options, struct buffer *text)
{
    buffer_add_byte(text, '\0');
    if (options->warn && !text->failed)
        options->warn(options->arg, (const char *)text->bytes);
}

static void warn_no_reference(const struct image_source *source, const struct image_name *name)
{
    struct buffer text cleanup_buffer = {0};

    buffer_add_format(&text, "%s: \"", members_name(source->members));
    quote_text(&text, name->text, strnlen(name->text, NAME_SHOWN));
    buffer_add_text(&text, "\" is no reference of an image; the source's own name is taken");
    warn(source->options, &text);
}

static int add_target(struct image_target *target, const struct importing *i, const struct image_name *name,
                      bool takes_tag, struct error *err)
{
    const struct image_source *source = i->source;

    if (name && !name->reference.name[0] && !name->reference.tag[0])
        warn_no_reference(source, name);
    target->namespace = source->options->namespace        ? source->options->namespace
                        : name && name->reference.name[0] ? name->reference.name
                                                          : i->own;
    target->tag = name && takes_tag && name->reference.tag[0] ? name->reference.tag : NULL;
    return target->namespace ? 0
                             : error_input(err, "%s: the image has no name of its own, --namespace is needed",
                                           members_name(source->members));
}

/* Names of one more offer of the same image. */
static int add_targets(struct image_target *targets, size_t *count, const struct importing *i,
                       const struct image_offer *offer, struct error *err)
{
    int rc = 0;

    for (size_t n = 0; n < offer->names.count && rc == 0; n++) {
        const struct image_name *name = &i->source->names[offer->names.first + n];

        if (name->left_out)
            continue;
        if (*count == IMAGE_NAMES_MAX)
            return error_input(err, "%s: more than %d names of one image", members_name(i->source->members),
                               IMAGE_NAMES_MAX);
        rc = add_target(&targets[(*count)++], i, name, offer->is_main, err);
    }
    return rc;
}

/* One for each wanted name of all offers that are the same image as this one, which are taken then; one where there is
 * none. */
static int find_targets(struct image_target *targets, size_t *count, const struct importing *i,
                        const struct image_offer *first, struct error *err)
{
    struct image_offer *end = i->source->offers + i->source->offer_count;
    struct digest identity = first->identity;
    int rc = 0;

    for (struct image_offer *offer = i->source->offers; offer < end && rc == 0; offer++)
        if (offer->chosen && digest_equal(&offer->identity, &identity)) {
            offer->taken = true;
            rc = add_targets(targets, count, i, offer, err);
        }
    return rc == 0 && *count == 0 ? add_target(&targets[(*count)++], i, NULL, false, err) : rc;
}

/* --- Images ------------------------------------------------------------------------------------------------------- */

static int import_one(struct importing *i, const struct image_offer *offer, struct error *err)
{
    cleanup_image_content struct image_content content = {0};
    cleanup_free struct image_target *targets = calloc(IMAGE_NAMES_MAX, sizeof *targets);
    struct image_source *source = i->source;
    size_t count = 0;

    if (!targets)
        return error_system(err, ENOMEM, "%s", members_name(source->members));
    int rc = find_targets(targets, &count, i, offer, err);
    if (rc == 0)
        rc = source->kind->load(&content, source, offer, err);
    if (rc < 0)
        return rc;
    if (content.no_image[0]) {
        image_source_skip(source, offer, content.no_image);
        return 0;
    }
    i->images++;
    return image_store(&content, source->kind->format, targets, count, source->members, source->options, i->reader,
                       err);
}

static void warn_skipped(const struct image_source *source)
{
    struct buffer text cleanup_buffer = {0};

    if (source->skipped == 0)
        return;
    buffer_add_format(&text, "%s: %llu passed over (first: %s)", members_name(source->members),
                      (unsigned long long)source->skipped, source->first_skipped);
    warn(source->options, &text);
}

static int import_all(struct importing *i, struct error *err)
{
    struct image_source *source = i->source;
    int rc = image_select(source, err);

    if (rc == 0)
        rc = tree_cache_new(&i->cache, CACHE_SIZE, err);
    if (rc == 0)
        rc = tree_reader_new(&i->reader, source->options->store, i->cache, err);
    for (size_t o = 0; o < source->offer_count && rc == 0; o++)
        if (source->offers[o].chosen && !source->offers[o].taken)
            rc = import_one(i, &source->offers[o], err);
    if (rc == 0 && i->images == 0)
        return error_input(err, "%s: there is no image in it; %s", members_name(source->members),
                           source->first_skipped);
    if (rc == 0)
        warn_skipped(source);
    return rc;
}

/* The members are taken over. -ENOENT (err not filled): IMAGE_ANY, and there are no images in them. */
static int import_members(const struct import_options *given, enum image_format format, struct members *members,
                          const char *own, struct error *err)
{
    struct import_options options = *given;
    struct importing i = {.own = own};

    if (!options.size_max)
        options.size_max = IMPORT_SIZE_MAX;
    int rc = image_source_open(&i.source, members, format, &options, err);
    if (rc < 0)
        return rc;
    rc = options.strip_prefix || options.partial
             ? error_usage(err, "%s: --strip-prefix and --partial are not for images", members_name(members))
             : import_all(&i, err);
    if (rc < 0)
        store_rollback(options.store);
    tree_reader_free(i.reader);
    tree_cache_free(i.cache);
    image_source_close(i.source);
    return rc;
}

/* --- Directories -------------------------------------------------------------------------------------------------- */

bool image_is_layout(const char *path)
{
    struct members *members;

    if (members_open_dir(&members, path, NULL) < 0)
        return false;
    bool is = image_layout.has(members);
    members_close(members);
    return is;
}

int import_image_dir(const struct import_options *options, enum image_format format, const char *path,
                     struct error *err)
{
    cleanup_free char *own = NULL;
    struct members *members;
    struct error why;
    int rc = members_open_dir(&members, path, err);

    if (rc < 0)
        return rc;
    source_name_of_dir(&own, path, &why); /* it may have none */
    rc = import_members(options, format, members, own, err);
    return rc == -ENOENT ? error_input(err, "%s: there is no image in it", path) : rc;
}

/* --- Streams ------------------------------------------------------------------------------------------------------ */

static int copy_plain(int fd, uint64_t *size, struct plain *plain, uint64_t input_size,
                      const struct import_options *options, struct error *err)
{
    uint64_t reported = 0;
    const void *bytes;
    ssize_t got;

    while ((got = plain_next(&bytes, plain, err)) > 0) {
        int rc = file_write_all(fd, bytes, (size_t)got, *size);

        if (rc < 0)
            return error_system(err, -rc, "a temporary file in %s", store_directory(options->store));
        *size += (uint64_t)got;
        if (options->progress && plain_position(plain) - reported >= PROGRESS_STEP) {
            reported = plain_position(plain);
            options->progress(options->arg, &(struct import_progress){.bytes = reported, .size = input_size});
        }
    }
    return (int)got;
}

/* What cannot be read at any place goes, uncompressed, into a file without a name on the store's disk; the input goes
 * on with that. */
static int spool(struct input *input, const struct import_options *options, struct error *err)
{
    uint64_t size = 0, whole = input_size(input);
    struct plain *plain;
    int fd = file_open_unnamed(store_directory(options->store));

    if (fd < 0)
        return error_system(err, -fd, "a temporary file in %s", store_directory(options->store));
    int rc = plain_open(&plain, input, options->size_max ? options->size_max : IMPORT_SIZE_MAX, err);
    if (rc == 0) {
        rc = copy_plain(fd, &size, plain, whole, options, err);
        plain_close(plain);
    }
    if (rc == 0)
        input_restart(input, fd, 0, size);
    else
        close(fd);
    return rc;
}

static int is_compressed(bool *is, struct input *input, struct error *err)
{
    const uint8_t *bytes;
    uint8_t magic[8]; /* as long as the longest */
    ssize_t got = unpack_peek(magic, is, input, sizeof magic, err);

    if (got >= 0 && !*is)
        got = input_peek(&bytes, input, 2, err);
    if (got >= 0 && !*is)
        *is = gunzip_likes(bytes, (size_t)got);
    return got < 0 ? (int)got : 0;
}

static int open_tar(struct members **members, struct input *input, struct error *err)
{
    uint64_t offset = 0, size = 0;
    int fd = -1;

    input_extent(&fd, &offset, &size, input);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? error_system(err, errno, "%s", input_name(input))
                  : members_open_tar(members, fd, offset, size, input_name(input), err);
}

static int import_spooled(const struct import_options *options, enum image_format format, struct input *input,
                          struct error *err)
{
    cleanup_free char *own = NULL;
    struct members *members;
    struct error why;
    int rc = open_tar(&members, input, err);

    source_name_of_file(&own, input, "an image", &why); /* it may have none */
    if (rc == 0)
        return import_members(options, format, members, own, err);
    /* In a tar that no image is in there may be anything. */
    return rc == -EBADMSG && format == IMAGE_ANY ? -ENOENT : rc;
}

int import_image(const struct import_options *options, enum image_format format, struct input *input, struct error *err)
{
    uint64_t offset, size;
    bool is_packed;
    int fd;

    int rc = is_compressed(&is_packed, input, err);
    if (rc == 0 && (is_packed || !input_extent(&fd, &offset, &size, input)))
        rc = spool(input, options, err);
    if (rc == 0)
        rc = import_spooled(options, format, input, err);
    if (rc == -ENOENT && (options->ref || options->platform))
        return error_input(err, "%s: there is no image in it", input_name(input));
    return rc == -ENOENT ? import_tar(options, input, err) : rc;
}
