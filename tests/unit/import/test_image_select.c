/* Which images are taken, by names and platforms, of what a source offers. */
#include "import/image_source.h"

#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define OFFERS_MAX 8

static struct error err;

/* --- A source that somebody made ---------------------------------------------------------------------------------- */

struct made {
    unsigned group;
    const char *name;     /* NULL: none */
    const char *platform; /* of the index; NULL: not told */
    const char *config;   /* platform of the config; NULL: it is no image */
};

static struct import_options options;
static struct image_offer offers[OFFERS_MAX];
static struct image_name names[OFFERS_MAX];
static const struct made *made;

static int load(struct image_content *content, const struct image_source *source, const struct image_offer *offer,
                struct error *error)
{
    const char *config = made[offer - source->offers].config;

    if (!config)
        snprintf(content->no_image, sizeof content->no_image, "it is none");
    else if (strcmp(config, "broken") == 0)
        return error_input(error, "broken");
    else
        assert_true(platform_parse(&content->platform, config));
    return 0;
}

static const struct image_kind kind = {.load = load};
static struct members *members;

/* The chosen ones as a text: "0 2*", a star where the tags are. */
static const char *select_of(const struct made *list, size_t count, const char *ref, const char *platform)
{
    static char out[256];
    struct image_source source = {
        .options = &options, .kind = &kind, .offers = offers, .names = names, .members = members, .offer_count = count};

    made = list;
    options.ref = ref;
    options.platform = platform;
    for (size_t i = 0; i < count; i++) {
        offers[i] = (struct image_offer){.group = list[i].group, .names.first = source.name_count};
        if (list[i].platform)
            assert_true(platform_parse(&offers[i].platform, list[i].platform));
        if (list[i].group >= source.groups)
            source.groups = list[i].group + 1;
        if (!list[i].name)
            continue;
        offers[i].names.count = 1;
        names[source.name_count] = (struct image_name){.text = list[i].name};
        reference_parse_ref_name(&names[source.name_count++].reference, list[i].name);
    }
    if (image_select(&source, &err) < 0)
        return err.text;
    out[0] = '\0';
    for (size_t i = 0, used = 0; i < count; i++)
        if (offers[i].chosen)
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%zu%s", used ? " " : "", i,
                                     offers[i].is_main ? "*" : "");
    return out;
}

#define SELECT(list, ref, platform) select_of(list, sizeof(list) / sizeof *(list), ref, platform)

/* --- Tests -------------------------------------------------------------------------------------------------------- */

static const char *own(void)
{
    static char text[PLATFORM_TEXT_SIZE];
    struct image_platform machine;

    platform_of_machine(&machine);
    platform_format(text, &machine);
    return text;
}

static void all_images_are_taken_each_for_this_machine(void **state)
{
    const struct made list[] = {
        {0, "a:1", "plan9/mips", NULL}, {0, "a:1", own(), NULL},        {0, "a:1", "unknown/unknown", NULL},
        {1, "b:1", NULL, "plan9/mips"}, {2, "c:1", "plan9/mips", NULL}, {2, "c:1", "unknown/unknown", NULL},
    };
    (void)state;

    assert_string_equal(SELECT(list, NULL, NULL), "1* 3* 4*");
    assert_string_equal(SELECT(list, NULL, "all"), "0 1* 2 3* 4* 5");
    assert_string_equal(SELECT(list, NULL, "plan9/mips"), "0* 3* 4*");
    assert_string_equal(SELECT(list, NULL, own()), "1*");
    assert_string_equal(SELECT(list, NULL, "linux/s390x/z"),
                        strcmp(own(), "linux/amd64") == 0
                            ? "lay: no image for linux/s390x/z; there are plan9/mips, linux/amd64"
                            : err.text);
}

static void what_is_not_here_is_listed(void **state)
{
    static const struct made several[] = {{0, NULL, "plan9/mips", NULL}, {0, NULL, "plan9/arm/v6", NULL}};
    static const struct made alone[] = {{0, NULL, NULL, "plan9/mips"}, {1, NULL, NULL, NULL}};
    static const struct made broken[] = {{0, NULL, NULL, "broken"}};
    (void)state;

    SELECT(several, NULL, NULL);
    assert_non_null(strstr(err.text, "lay: no image for "));
    assert_non_null(strstr(err.text, "; there are plan9/mips, plan9/arm/v6"));
    assert_string_equal(SELECT(several, NULL, "plan9/arm/v7"),
                        "lay: no image for plan9/arm/v7; there are plan9/mips, plan9/arm/v6");
    assert_string_equal(SELECT(alone, NULL, "linux/arm"), "lay: no image for linux/arm; there are plan9/mips");
    assert_string_equal(SELECT(alone, NULL, NULL), "0* 1*");
    assert_string_equal(SELECT(broken, NULL, NULL), "0*");
    assert_string_equal(SELECT(broken, NULL, "linux/arm"), "lay: no image for linux/arm");
    assert_string_equal(select_of(broken, 0, NULL, NULL), "lay: there is no image in it");
    assert_string_equal(SELECT(alone, NULL, "linux"), "--platform linux is no platform such as linux/arm64, nor all");
}

static void the_first_of_a_platform_counts(void **state)
{
    static const struct made list[] = {{0, "a", "plan9/arm/v6", NULL},
                                       {0, "a", "plan9/arm/v7", NULL},
                                       {0, "a", "plan9/arm", NULL},
                                       {1, "b", NULL, "plan9/arm"},
                                       {1, "b", NULL, "plan9/mips"}};
    (void)state;

    assert_string_equal(SELECT(list, NULL, "plan9/arm"), "0* 3*");
    assert_string_equal(SELECT(list, NULL, "plan9/arm/v7"), "1* 3*");
    assert_string_equal(SELECT(list, NULL, "plan9/mips"), "4*");
    assert_string_equal(SELECT(list, "a", "all"), "0* 1 2");
}

static void names_are_found_however_they_are_written(void **state)
{
    static const struct made list[] = {
        {0, "v1", NULL, "plan9/arm"},
        {1, "docker.io/library/nginx:1.25", NULL, "plan9/arm"},
        {2, "quay.io/x/y:1.25", NULL, "plan9/arm"},
        {3, "no+reference\n", NULL, "plan9/arm"},
        {4, NULL, NULL, "plan9/arm"},
    };
    static const struct made nameless[] = {{0, NULL, NULL, "plan9/arm"}};
    (void)state;

    assert_string_equal(SELECT(list, "v1", NULL), "0*");
    assert_string_equal(SELECT(list, "nginx:1.25", NULL), "1*");
    assert_string_equal(SELECT(list, "nginx", NULL), "1*");
    assert_string_equal(SELECT(list, "1.25", NULL), "1* 2*");
    assert_string_equal(SELECT(list, "quay.io/x/y", NULL), "2*");
    assert_string_equal(SELECT(list, "no+reference\n", NULL), "3*");
    assert_string_equal(SELECT(list, NULL, NULL), "0* 1* 2* 3* 4*");
    assert_string_equal(SELECT(list, "nginx:1.26", NULL),
                        "lay: no image \"nginx:1.26\"; there are v1, docker.io/library/nginx:1.25, "
                        "quay.io/x/y:1.25, no+reference\\x0a");
    assert_string_equal(SELECT(nameless, "x", NULL), "lay: no image \"x\"; none has a name");
}

static int set_up(void **state)
{
    (void)state;
    if (chdir(scratch_make()) < 0 || mkdir("lay", 0755) < 0)
        return -1;
    return members_open_dir(&members, "lay", &err);
}

static int tear_down(void **state)
{
    members_close(members);
    return scratch_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_images_are_taken_each_for_this_machine),
        cmocka_unit_test(what_is_not_here_is_listed),
        cmocka_unit_test(the_first_of_a_platform_counts),
        cmocka_unit_test(names_are_found_however_they_are_written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
