/* image_select.c - which of the images that a source offers are wanted. */
#include "import/image_source.h"

#include "base/quote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 16 /* names or platforms that a message lists */

/* --- Names -------------------------------------------------------------------------------------------------------- */

/* As the source has it; its tag alone; or the same image, however it is written ("nginx": any tag of it). */
static bool name_is(const struct image_name *name, const char *wanted)
{
    struct image_reference reference;

    if (strcmp(name->text, wanted) == 0 || (name->alias && strcmp(name->alias, wanted) == 0) ||
        (name->reference.tag[0] && strcmp(name->reference.tag, wanted) == 0))
        return true;
    return reference_parse(&reference, wanted) && strcmp(reference.name, name->reference.name) == 0 &&
           (!reference.tag[0] || strcmp(reference.tag, name->reference.tag) == 0);
}

static int refuse_name(struct error *err, const struct image_source *source, const char *wanted)
{
    struct buffer text cleanup_buffer = {0};

    for (size_t i = 0; i < source->name_count && i < LISTED_MAX; i++) {
        buffer_add_text(&text, i ? ", " : "; there are ");
        quote_text(&text, source->names[i].text, strlen(source->names[i].text));
    }
    buffer_add_text(&text, source->name_count == 0           ? "; none has a name"
                           : source->name_count > LISTED_MAX ? ", …"
                                                             : "");
    buffer_add_byte(&text, '\0');
    return text.failed ? error_system(err, ENOMEM, "%s", members_name(source->members))
                       : error_input(err, "%s: no image \"%s\"%s", members_name(source->members), wanted,
                                     (const char *)text.bytes);
}

static int select_names(struct image_source *source, struct error *err)
{
    const char *wanted = source->options->ref;
    size_t found = 0;

    for (size_t i = 0; i < source->name_count && wanted; i++) {
        source->names[i].left_out = !name_is(&source->names[i], wanted);
        found += !source->names[i].left_out;
    }
    return wanted && found == 0 ? refuse_name(err, source, wanted) : 0;
}

static bool has_wanted_name(const struct image_source *source, const struct image_offer *offer)
{
    for (size_t i = 0; i < offer->names.count; i++)
        if (!source->names[offer->names.first + i].left_out)
            return true;
    return !source->options->ref;
}

/* --- Platforms ---------------------------------------------------------------------------------------------------- */

struct choice {
    struct image_source *source;
    struct image_platform wanted; /* os "": the usual one */
    bool takes_all;
    struct image_offer **offers; /* of one group, those with a wanted name */
    size_t count;
};

/* What an index does not tell, the config does. What has none is no image, or cannot be loaded, which is told when it
 * is chosen. */
static void learn_platform(const struct image_source *source, struct image_offer *offer)
{
    cleanup_image_content struct image_content content = {0};
    struct error why;

    if (!offer->platform.os[0] && source->kind->load(&content, source, offer, &why) == 0 && !content.no_image[0])
        offer->platform = content.platform;
}

/* The first one for a platform (NULL: for any), as the specification of indexes has it. NULL: there is none. */
static struct image_offer *first_for(const struct choice *choice, const struct image_platform *wanted)
{
    for (size_t i = 0; i < choice->count; i++) {
        struct image_offer *offer = choice->offers[i];

        if (wanted)
            learn_platform(choice->source, offer);
        if (wanted ? platform_serves(&offer->platform, wanted) : !platform_is_unknown(&offer->platform))
            return offer;
    }
    return NULL;
}

/* Do they differ in platforms, but for what is no image? */
static bool is_for_several(const struct choice *choice)
{
    const struct image_platform *first = NULL;

    for (size_t i = 0; i < choice->count; i++) {
        const struct image_platform *platform = &choice->offers[i]->platform;

        if (platform_is_unknown(platform))
            continue;
        if (first && !platform_equal(first, platform))
            return true;
        first = platform;
    }
    return false;
}

/* The machine's own, else the only one. Where all are taken, it is the one that tags stand at. */
static struct image_offer *usual_one(const struct choice *choice)
{
    struct image_platform machine;

    if (choice->count == 1)
        return choice->offers[0];
    platform_of_machine(&machine);
    struct image_offer *one = first_for(choice, &machine);
    if (one || (is_for_several(choice) && !choice->takes_all))
        return one;
    one = first_for(choice, NULL);
    return one ? one : choice->offers[0];
}

static bool choose(const struct choice *choice)
{
    struct image_offer *one = choice->wanted.os[0] ? first_for(choice, &choice->wanted) : usual_one(choice);

    for (size_t i = 0; i < choice->count; i++) {
        choice->offers[i]->is_main = choice->offers[i] == one;
        choice->offers[i]->chosen = choice->takes_all || choice->offers[i]->is_main;
    }
    return one;
}

static size_t gather_group(struct image_offer **offers, struct image_source *source, unsigned group)
{
    size_t count = 0;

    for (size_t i = 0; i < source->offer_count; i++)
        if (source->offers[i].group == group && has_wanted_name(source, &source->offers[i]))
            offers[count++] = &source->offers[i];
    return count;
}

/* Each platform once, in the order of the source. */
static void list_platforms(struct buffer *text, const struct image_source *source)
{
    struct image_platform listed[LISTED_MAX];
    char word[PLATFORM_TEXT_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < source->offer_count && count < LISTED_MAX; i++) {
        const struct image_offer *offer = &source->offers[i];
        size_t at = 0;

        while (at < count && !platform_equal(&listed[at], &offer->platform))
            at++;
        if (at < count || !offer->platform.os[0] || platform_is_unknown(&offer->platform) ||
            !has_wanted_name(source, offer))
            continue;
        platform_format(word, &offer->platform);
        buffer_add_text(text, count ? ", " : "; there are ");
        quote_text(text, word, strlen(word));
        listed[count++] = offer->platform;
    }
    buffer_add_byte(text, '\0');
}

static int refuse_platform(struct error *err, const struct choice *choice)
{
    struct buffer text cleanup_buffer = {0};
    struct image_platform wanted = choice->wanted;
    char word[PLATFORM_TEXT_SIZE];

    if (!wanted.os[0])
        platform_of_machine(&wanted);
    platform_format(word, &wanted);
    list_platforms(&text, choice->source);
    if (text.failed)
        return error_system(err, ENOMEM, "%s", members_name(choice->source->members));
    return error_input(err, "%s: no image for %s%s", members_name(choice->source->members), word,
                       (const char *)text.bytes);
}

static int read_wanted(struct choice *choice, struct error *err)
{
    const char *text = choice->source->options->platform;

    choice->takes_all = text && strcmp(text, "all") == 0;
    if (!text || choice->takes_all || platform_parse(&choice->wanted, text))
        return 0;
    return error_usage(err, "--platform %s is no platform such as linux/arm64, nor all", text);
}

static int select_platforms(struct choice *choice, struct error *err)
{
    struct image_source *source = choice->source;
    size_t chosen = 0;
    int rc = read_wanted(choice, err);

    for (unsigned group = 0; group < source->groups && rc == 0; group++) {
        choice->count = gather_group(choice->offers, source, group);
        if (choice->count > 0 && choose(choice))
            chosen++;
        else if (choice->count > 0)
            image_source_skip(source, choice->offers[0], "it is for other platforms");
    }
    return rc == 0 && chosen == 0 ? refuse_platform(err, choice) : rc;
}

int image_select(struct image_source *source, struct error *err)
{
    struct choice choice = {.source = source};
    int rc = select_names(source, err);

    if (rc < 0)
        return rc;
    if (source->offer_count == 0)
        return error_input(err, "%s: there is no image in it", members_name(source->members));
    choice.offers = calloc(source->offer_count, sizeof *choice.offers);
    if (!choice.offers)
        return error_system(err, ENOMEM, "%s", members_name(source->members));
    rc = select_platforms(&choice, err);
    free(choice.offers);
    return rc;
}
