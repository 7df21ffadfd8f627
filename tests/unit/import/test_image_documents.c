/* Layouts whose documents lie, loop or are something else: each gets one line that says what is wrong. */
#include "import/image_source.h"

#include "base/buffer.h"
#include "tests/unit/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define INDEX "application/vnd.oci.image.index.v1+json"
#define CONFIG "application/vnd.oci.image.config.v1+json"
#define LAYER "application/vnd.oci.image.layer.v1.tar+gzip"
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define DIFFID "sha256:" ZEROS

static struct error err;
static struct import_options options;

/* --- Making them -------------------------------------------------------------------------------------------------- */

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void put_text(const char *path, const char *text)
{
    put(path, text, strlen(text));
}

/* Write a blob; the descriptor of it (static, the last few stay). */
static const char *blob(const char *type, const char *text)
{
    static char descriptors[4][512];
    static unsigned next;
    char *out = descriptors[next++ % 4], path[512], name[BLOB_NAME_SIZE];
    struct sha256 *sha = sha256_new();
    struct digest digest;

    sha256_of(&digest, sha, text, strlen(text));
    sha256_free(sha);
    blob_name(name, &digest);
    snprintf(path, sizeof path, "lay/%s", name);
    put_text(path, text);
    snprintf(out, sizeof descriptors[0], "{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type,
             name + strlen("blobs/sha256/"), strlen(text));
    return out;
}

static const char *format(const char *form, ...) __attribute__((format(printf, 1, 2)));

static const char *format(const char *form, ...)
{
    static char texts[4][8192];
    static unsigned next;
    char *out = texts[next++ % 4];
    va_list args;

    va_start(args, form);
    vsnprintf(out, sizeof texts[0], form, args);
    va_end(args);
    return out;
}

static void put_index(const char *descriptors)
{
    put_text("lay/index.json", format("{\"schemaVersion\":2,\"manifests\":[%s]}", descriptors));
}

/* A layout of one image without layers, made of these parts; NULL: what it should be. */
static void put_image(const char *config, const char *manifest_members)
{
    const char *of_config = blob(CONFIG, config ? config : "{\"os\":\"linux\",\"architecture\":\"amd64\"}");

    put_index(blob(MANIFEST, format("{\"schemaVersion\":2,\"config\":%s,%s}", of_config,
                                    manifest_members ? manifest_members : "\"layers\":[]")));
}

/* --- Reading them ------------------------------------------------------------------------------------------------- */

/* Open it and load what it offers first. */
static int load(struct image_content *content)
{
    struct image_source *source;
    struct members *members;

    assert_int_equal(members_open_dir(&members, "lay", &err), 0);
    int rc = image_source_open(&source, members, IMAGE_OCI, &options, &err);
    if (rc < 0)
        return rc;
    rc = source->offer_count ? source->kind->load(content, source, &source->offers[0], &err) : -ENOENT;
    image_source_close(source);
    return rc;
}

static void expect_refused(const char *part)
{
    struct image_content content = {0};
    int rc = load(&content);

    image_content_free(&content);
    if (rc != -EBADMSG || err.code != EXIT_INPUT)
        fail_msg("%s: %d", part, rc);
    if (strncmp(err.text, "lay: ", 5) != 0 || !strstr(err.text, part) || strchr(err.text, '\n'))
        fail_msg("%s, not %s", err.text, part);
}

static void expect_no_image(const char *why)
{
    struct image_content content = {0};

    if (load(&content) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(content.no_image, why);
    image_content_free(&content);
}

/* --- Tests -------------------------------------------------------------------------------------------------------- */

static void an_image_without_layers_is_one(void **state)
{
    struct image_content content = {0};
    (void)state;

    put_image("{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\",\"created\":\"2020-02-02T02:02:02.5Z\"}",
              NULL);
    assert_int_equal(load(&content), 0);
    assert_string_equal(content.no_image, "");
    assert_int_equal(content.count, 0);
    assert_string_equal(content.platform.variant, "v6");
    assert_int_equal(content.created, 1580608922500000000ull);
    image_content_free(&content);
    put_image("{\"created\":\"1980-01-01T00:00:00Z\",\"rootfs\":null}", "\"layers\":null");
    assert_int_equal(load(&content), 0);
    assert_int_equal(content.created, 0);
    image_content_free(&content);
}

static void history_tells_of_layers(void **state)
{
    static const char layer[] = "{\"mediaType\":\"" LAYER "\",\"digest\":\"" DIFFID "\",\"size\":7}";
    struct image_content content = {0};
    (void)state;

    put_image("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFFID "\",\"" DIFFID "\"]},\"history\":["
              "{\"created_by\":\"one\"},{\"created_by\":\"ENV\",\"empty_layer\":true},{\"created\":\"then\"}]}",
              format("\"layers\":[%s,%s]", layer, layer));
    assert_int_equal(load(&content), 0);
    assert_int_equal(content.count, 2);
    assert_string_equal(content.layers[0].created_by, "one");
    assert_null(content.layers[0].created);
    assert_null(content.layers[1].created_by);
    assert_string_equal(content.layers[1].created, "then");
    assert_string_equal(content.layers[1].member, "blobs/sha256/" ZEROS);
    assert_int_equal(content.layers[1].blob.size, 7);
    assert_true(digest_equal(&content.layers[0].diffid, &content.layers[0].chain));
    assert_false(digest_equal(&content.layers[1].diffid, &content.layers[1].chain));
    image_content_free(&content);
    put_image("{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFFID "\"]},\"history\":[{\"created_by\":\"one\"},"
              "{\"created_by\":\"two\"}]}",
              format("\"layers\":[%s]", layer));
    assert_int_equal(load(&content), 0);
    assert_null(content.layers[0].created_by);
    image_content_free(&content);
}

static void documents_that_are_wrong_are_refused(void **state)
{
    static const struct {
        const char *descriptor, *why;
    } descriptors[] = {
        {"7", "index.json: a descriptor is missing, or no object"},
        {"{}", "index.json: a descriptor without a media type"},
        {"{\"mediaType\":\"a\\nb\"}", "index.json: a descriptor without a media type"},
        {"{\"mediaType\":\"" MANIFEST "\"}", "index.json: a descriptor without a size"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":-1}", "index.json: a descriptor without a size"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1.5}", "index.json: a descriptor without a size"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1}", "index.json: a descriptor without a digest"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"" ZEROS "\"}",
         "index.json: a descriptor without a digest"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"sha512:" ZEROS ZEROS "\"}",
         "index.json: a descriptor has a digest of \"sha512\", only sha256 is known"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"sha256:../../../../etc/passwd\"}",
         "index.json: a descriptor has the digest \"sha256:../../../../etc/passwd\", which is none"},
        {"{\"mediaType\":\"" MANIFEST
         "\",\"size\":1,\"digest\":\"sha256:A000000000000000000000000000000000000000000000000"
         "000000000000000\"}",
         "index.json: a descriptor has a digest in upper case"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"" DIFFID "\",\"platform\":{\"os\":"
         "\"a_very_long_word_for_an_operating_system\"}}",
         "index.json: a platform of more than 31 bytes a word"},
        {"{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"" DIFFID "\"}",
         "blobs/sha256/" ZEROS ": it is not there"},
        {"{\"mediaType\":\"application/vnd.docker.distribution.manifest.v1+prettyjws\",\"size\":1,\"digest\":\"" DIFFID
         "\"}",
         "a manifest of docker's schema 1, which is not known"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        put_index(descriptors[i].descriptor);
        expect_refused(descriptors[i].why);
    }
    put_text("lay/index.json", "{\"manifests\":[]");
    expect_refused("index.json: broken JSON in line 1: ");
    put_text("lay/index.json", "{\"manifests\":[],\n\n\"a\":\"\x01\n\"}");
    expect_refused("index.json: broken JSON in line 3: ");
    put_text("lay/index.json", "{\"manifests\":[],\"manifests\":[]}");
    expect_refused("index.json: broken JSON in line 1: duplicate object key");
    put_text("lay/index.json", "[]");
    expect_refused("index.json: no index, it has no manifests");
    put_text("lay/index.json", "{\"manifests\":[],\"layers\":[]}");
    expect_refused("index.json: an index and a manifest at once");
    put_text("lay/index.json", "");
    expect_refused("index.json: broken JSON in line 1: ");
}

static void manifests_that_are_wrong_are_refused(void **state)
{
    static const struct {
        const char *config, *members, *why;
    } images[] = {
        {NULL, "\"manifests\":[]", "an index and a manifest at once"},
        {NULL, "\"layer\":[]", "a manifest without layers"},
        {NULL, "\"layers\":{}", "a manifest without layers"},
        {NULL, "\"layers\":[],\"mediaType\":\"" INDEX "\"", "it says another media type than its descriptor"},
        {NULL, "\"layers\":[7]", "a descriptor is missing, or no object"},
        {NULL, "\"layers\":[{\"mediaType\":\"" LAYER "\",\"digest\":\"" DIFFID "\",\"size\":1}]",
         "1 layers, where the config has 0 diff_ids"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIFFID "\"]}}", NULL,
         "0 layers, where the config has 1 diff_ids"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"md5:1\"]}}", NULL,
         "a diffID has a digest of \"md5\", only sha256 is known"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[7]}}", NULL, "a diffID without a digest"},
        {"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":{}}}", NULL, "diff_ids that are no array"},
        {"{\"rootfs\":{\"type\":\"windows\"}}", NULL, "a root file system that is not made of layers"},
        {"{\"os\":\"an_operating_system_with_a_very_long_name\"}", NULL, "a platform of more than 31 bytes a word"},
        {"[]", NULL, "a config that is no object"},
        {"{", NULL, "broken JSON in line 1: "},
    };
    (void)state;

    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        put_image(images[i].config, images[i].members);
        expect_refused(images[i].why);
    }
    put_index(blob(MANIFEST, "{\"schemaVersion\":1,\"fsLayers\":[]}"));
    expect_refused("a manifest of docker's schema 1, which is not known");
}

static void what_lies_is_refused(void **state)
{
    char name[BLOB_NAME_SIZE + 4] = "lay/";
    const char *descriptor;
    (void)state;

    descriptor = blob(MANIFEST, "{\"layers\":[]}");
    memcpy(name + 4, "blobs/sha256/", 13);
    memcpy(name + 17, strstr(descriptor, "sha256:") + 7, 64);
    put_index(descriptor);
    put_text(name, "{\"layers\":[0]}");
    expect_refused(": it has 14 bytes, its descriptor says 13");
    put_text(name, "{\"layers\":{}}");
    expect_refused(": its SHA-256 is another");
    assert_int_equal(unlink(name), 0);
    expect_refused(": it is not there");
    assert_int_equal(symlink("/etc/passwd", name), 0);
    expect_refused(": a link, or below something that is no directory");
    assert_int_equal(unlink(name), 0);
}

static void indexes_end(void **state)
{
    static char nested[8192];
    (void)state;

    /* One that names itself has a digest that is not its own. */
    put_index("{\"mediaType\":\"" INDEX "\",\"size\":1,\"digest\":\"" DIFFID "\"}");
    put_text("lay/blobs/sha256/" ZEROS,
             "{\"manifests\":[{\"mediaType\":\"" INDEX "\",\"size\":1,\"digest\":\"" DIFFID "\"}]}");
    expect_refused("blobs/sha256/" ZEROS ": it has ");
    unlink("lay/blobs/sha256/" ZEROS);
    snprintf(nested, sizeof nested, "%s", blob(INDEX, "{\"manifests\":[]}"));
    for (int i = 0; i < IMAGE_DEPTH_MAX; i++) {
        char text[8192];

        snprintf(text, sizeof text, "{\"manifests\":[%.4000s]}", nested);
        snprintf(nested, sizeof nested, "%s", blob(INDEX, text));
    }
    put_index(nested);
    expect_refused("more than 8 indexes inside one another");
}

static void there_is_an_end_of_manifests(void **state)
{
    static const char one[] = "{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"" DIFFID "\"}";
    struct buffer text = {0};
    (void)state;

    buffer_add_text(&text, "{\"manifests\":[");
    for (int i = 0; i <= IMAGE_OFFERS_MAX; i++)
        buffer_add_format(&text, "%s%s", i ? "," : "", one);
    buffer_add_text(&text, "]}");
    put("lay/index.json", text.bytes, text.size);
    expect_refused("index.json: more than 4096 manifests");
    buffer_clear(&text);
    while (text.size <= DOCUMENT_SIZE_MAX)
        buffer_add_text(&text, "                                                                ");
    put("lay/index.json", text.bytes, text.size);
    expect_refused("index.json: more than 4 MiB, which no such document has");
    buffer_free(&text);
}

/* Each value is some 300 bytes of memory; and one document can be named thousands of times. */
static void documents_cost_no_more_than_they_may(void **state)
{
    struct buffer text = {0};
    struct members *members;
    json_t *document;
    (void)state;

    buffer_add_text(&text, "{\"manifests\":[],\"more\":[{}");
    for (unsigned i = 0; i < DOCUMENT_VALUES_MAX / 2; i++)
        buffer_add_text(&text, ",{}");
    buffer_add_text(&text, "]}");
    put("lay/index.json", text.bytes, text.size);
    expect_refused("index.json: more than 131072 values, which no such document has");
    buffer_free(&text);

    assert_int_equal(members_open_dir(&members, "lay", &err), 0);
    assert_int_equal(document_read(&document, NULL, members, "oci-layout", &err), 0);
    json_decref(document);
    members_count_bytes(members, DOCUMENTS_SIZE_MAX);
    assert_int_equal(document_read(&document, NULL, members, "oci-layout", &err), -EBADMSG);
    assert_string_equal(err.text, "lay: oci-layout: with it more than 1024 MiB of documents were read");
    members_close(members);
}

/* docker's manifest.json beside an index: that one of the images is missing matters to who takes that one. */
static void names_of_a_missing_image_are_not_needed(void **state)
{
    static const char missing[] = "{\"mediaType\":\"" MANIFEST "\",\"size\":1,\"digest\":\"" DIFFID "\"}";
    struct image_content content = {0};
    const char *config = blob(CONFIG, "{\"os\":\"linux\",\"architecture\":\"amd64\"}");
    const char *manifest = blob(MANIFEST, format("{\"schemaVersion\":2,\"config\":%s,\"layers\":[]}", config));
    (void)state;

    put_index(format("%s,%s", manifest, missing));
    put_text("lay/manifest.json", "[]");
    if (load(&content) < 0)
        fail_msg("%s", err.text);
    image_content_free(&content);
    assert_int_equal(unlink("lay/manifest.json"), 0);
}

static void what_is_no_image_is_told(void **state)
{
    (void)state;

    put_index(blob("application/vnd.example", "{}"));
    expect_no_image("it is a application/vnd.example");
    put_index(blob(MANIFEST, format("{\"config\":%s,\"layers\":[]}", blob("application/vnd.cncf.helm", "{}"))));
    expect_no_image("its config is a application/vnd.cncf.helm");
    put_image(NULL, format("\"layers\":[%s]", blob("application/vnd.in-toto+json", "{}")));
    expect_no_image("a layer is a application/vnd.in-toto+json");
}

static void layouts_have_a_version(void **state)
{
    (void)state;

    put_image(NULL, NULL);
    put_text("lay/oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}");
    expect_refused("oci-layout: not version 1 of the layout");
    put_text("lay/oci-layout", "{}");
    expect_refused("oci-layout: no imageLayoutVersion");
    unlink("lay/oci-layout");
    expect_refused("lay: no OCI image layout, it has no oci-layout and index.json");
}

static int set_up(void **state)
{
    (void)state;
    if (chdir(scratch_make()) < 0 || mkdir("lay", 0755) < 0 || mkdir("lay/blobs", 0755) < 0 ||
        mkdir("lay/blobs/sha256", 0755) < 0)
        return -1;
    put_text("lay/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_without_layers_is_one),
        cmocka_unit_test(history_tells_of_layers),
        cmocka_unit_test(documents_that_are_wrong_are_refused),
        cmocka_unit_test(manifests_that_are_wrong_are_refused),
        cmocka_unit_test(what_lies_is_refused),
        cmocka_unit_test(indexes_end),
        cmocka_unit_test(there_is_an_end_of_manifests),
        cmocka_unit_test(documents_cost_no_more_than_they_may),
        cmocka_unit_test(names_of_a_missing_image_are_not_needed),
        cmocka_unit_test(what_is_no_image_is_told),
        cmocka_unit_test(layouts_have_a_version),
    };
    return cmocka_run_group_tests(tests, set_up, scratch_tear_down);
}
