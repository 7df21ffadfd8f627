/* Names of images as docker completes them, and platforms as people and indexes write them. */
#include "import/image_platform.h"
#include "import/image_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_128 HEX HEX
#define LONG_256 LONG_128 LONG_128

static const struct {
    const char *text, *name, *tag; /* name NULL: it is none */
} REFERENCES[] = {
    {"nginx", "docker.io/library/nginx", ""},
    {"nginx:1.25", "docker.io/library/nginx", "1.25"},
    {"library/nginx:1.25", "docker.io/library/nginx", "1.25"},
    {"docker.io/nginx:_.-", "docker.io/library/nginx", "_.-"},
    {"index.docker.io/nginx", "docker.io/library/nginx", ""},
    {"bitnami/nginx:1", "docker.io/bitnami/nginx", "1"},
    {"host:5000/a/b", "host:5000/a/b", ""},
    {"host:5000/a/b:c", "host:5000/a/b", "c"},
    {"localhost/x:y", "localhost/x", "y"},
    {"Registry/x", "Registry/x", ""},
    {"quay.io/org/app-name/sub__x.y--z:v1", "quay.io/org/app-name/sub__x.y--z", "v1"},
    {"[2001:db8::1]:5000/x:1", "[2001:db8::1]:5000/x", "1"},
    {"nginx@sha256:" HEX, "docker.io/library/nginx", ""},
    {"nginx:1.25@sha256:" HEX, "docker.io/library/nginx", "1.25"},
    {"a:" LONG_128, "docker.io/library/a", LONG_128},
    {"", NULL, NULL},
    {":", NULL, NULL},
    {"nginx:", NULL, NULL},
    {":1.25", NULL, NULL},
    {"/nginx", NULL, NULL},
    {"nginx/", NULL, NULL},
    {"a//b", NULL, NULL},
    {"../etc", NULL, NULL},
    {"a/../b", NULL, NULL},
    {"a/./b", NULL, NULL},
    {"Nginx", NULL, NULL},
    {"a/Nginx", NULL, NULL},
    {"nginx:.1", NULL, NULL},
    {"nginx:-1", NULL, NULL},
    {"nginx:a b", NULL, NULL},
    {"ng inx", NULL, NULL},
    {"nginx\n", NULL, NULL},
    {"-nginx", NULL, NULL},
    {"nginx-", NULL, NULL},
    {"a..b", NULL, NULL},
    {"a___b", NULL, NULL},
    {"a.-b", NULL, NULL},
    {"nginx@", NULL, NULL},
    {"nginx@sha256:", NULL, NULL},
    {"nginx@sha256:xyz", NULL, NULL},
    {"host:/x", NULL, NULL},
    {"host:port/x", NULL, NULL},
    {".host/x", NULL, NULL},
    {"[]:5000/x", NULL, NULL},
    {"[::1/x", NULL, NULL},
    {HEX, NULL, NULL},
    {"a:" LONG_128 "a", NULL, NULL},
    {LONG_256, NULL, NULL},
    {"host.example/" LONG_256, NULL, NULL},
    {"<none>:<none>", NULL, NULL},
};

static void references_are_completed(void **state)
{
    struct image_reference r;
    (void)state;

    for (size_t i = 0; i < sizeof REFERENCES / sizeof *REFERENCES; i++) {
        bool is = reference_parse(&r, REFERENCES[i].text);

        if (is != (REFERENCES[i].name != NULL))
            fail_msg("\"%s\": %s", REFERENCES[i].text, is ? r.name : "refused");
        if (is) {
            assert_string_equal(r.name, REFERENCES[i].name);
            assert_string_equal(r.tag, REFERENCES[i].tag);
        }
    }
}

static void a_ref_name_may_be_a_tag(void **state)
{
    struct image_reference r;
    (void)state;

    assert_true(reference_parse_ref_name(&r, "latest"));
    assert_string_equal(r.name, "");
    assert_string_equal(r.tag, "latest");
    assert_true(reference_parse_ref_name(&r, "nginx:1"));
    assert_string_equal(r.name, "docker.io/library/nginx");
    assert_string_equal(r.tag, "1");
    assert_true(reference_parse_ref_name(&r, "quay.io/x"));
    assert_string_equal(r.name, "quay.io/x");
    assert_false(reference_parse_ref_name(&r, "a+b"));
    assert_false(reference_parse_ref_name(&r, ""));
}

static const struct {
    const char *text, *formatted; /* NULL: it is none */
} PLATFORMS[] = {
    {"linux/amd64", "linux/amd64"},
    {"Linux/x86_64", "linux/amd64"},
    {"linux/aarch64", "linux/arm64"},
    {"linux/arm/v7", "linux/arm/v7"},
    {"windows/386", "windows/386"},
    {"linux", NULL},
    {"linux/", NULL},
    {"/amd64", NULL},
    {"linux/arm/v7/x", NULL},
    {"linux//v7", NULL},
    {"", NULL},
    {"linux/" LONG_128, NULL},
};

static void platforms_have_one_text(void **state)
{
    struct image_platform p;
    char text[PLATFORM_TEXT_SIZE];
    (void)state;

    for (size_t i = 0; i < sizeof PLATFORMS / sizeof *PLATFORMS; i++) {
        bool is = platform_parse(&p, PLATFORMS[i].text);

        assert_int_equal(is, PLATFORMS[i].formatted != NULL);
        if (!is)
            continue;
        platform_format(text, &p);
        assert_string_equal(text, PLATFORMS[i].formatted);
    }
}

static bool serves(const char *offered, const char *wanted)
{
    struct image_platform o, w;

    assert_true(platform_parse(&o, offered) && platform_parse(&w, wanted));
    return platform_serves(&o, &w);
}

static void variants_are_told_apart_where_they_are_said(void **state)
{
    struct image_platform p;
    (void)state;

    assert_true(serves("linux/arm64", "linux/arm64/v8"));
    assert_true(serves("linux/arm64/v8", "linux/arm64"));
    assert_true(serves("linux/arm/v6", "linux/arm"));
    assert_true(serves("linux/arm", "linux/arm/v7"));
    assert_false(serves("linux/arm/v6", "linux/arm/v7"));
    assert_false(serves("linux/arm", "linux/arm/v6"));
    assert_false(serves("linux/amd64", "linux/arm64"));
    assert_false(serves("windows/amd64", "linux/amd64"));
    assert_true(platform_set(&p, "unknown", "unknown", NULL));
    assert_true(platform_is_unknown(&p));
    assert_true(platform_set(&p, NULL, NULL, NULL));
    assert_false(platform_is_unknown(&p));
    assert_false(platform_set(&p, LONG_128, NULL, NULL));
    platform_of_machine(&p);
    assert_true(p.os[0] && p.architecture[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_completed),
        cmocka_unit_test(a_ref_name_may_be_a_tag),
        cmocka_unit_test(platforms_have_one_text),
        cmocka_unit_test(variants_are_told_apart_where_they_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
