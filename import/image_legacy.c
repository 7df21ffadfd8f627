/* image_legacy.c - what `docker save` wrote before 1.10: `repositories` names the topmost layer of each image, each
 * layer's `json` the one below. There is no config and there are no diffIDs: they are made from what is there, as
 * docker does when it loads such an archive.
 */
#include "import/image_source.h"

#include "base/cleanup.h"
#include "import/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPOSITORIES "repositories"
#define ID_SIZE (2 * DIGEST_SIZE)
#define MEMBER_SIZE (ID_SIZE + sizeof "/layer.tar")

/* --- repositories ------------------------------------------------------------------------------------------------- */

static bool is_id(const char *text)
{
    struct digest id;

    return text && hex_decode(id.bytes, DIGEST_SIZE, text, strlen(text));
}

/* {"name": {"tag": "id"}} */
static int read_repositories(json_t **repositories, struct members *members, struct error *err)
{
    cleanup_json json_t *found = NULL;
    const char *name, *tag;
    json_t *tags, *id;
    int rc = document_read(&found, NULL, members, REPOSITORIES, err);

    if (rc < 0)
        return rc;
    json_object_foreach(found, name, tags)
    {
        if (!json_is_object(tags))
            return members_refuse(err, members, REPOSITORIES, "a name without tags");
        json_object_foreach(tags, tag, id) if (!is_id(json_string_value(id))) return members_refuse(
            err, members, REPOSITORIES, "a tag without an id");
    }
    if (json_object_size(found) == 0)
        return members_refuse(err, members, REPOSITORIES, "no names");
    *repositories = take(found);
    return 0;
}

static bool has(const struct members *members)
{
    return members_have(members, REPOSITORIES);
}

static bool likes(struct members *members)
{
    cleanup_json json_t *repositories = NULL;
    struct error why;

    return read_repositories(&repositories, members, &why) == 0;
}

/* --- What it offers ----------------------------------------------------------------------------------------------- */

static int read_layer(json_t **layer, struct members *members, const char *id, struct error *err)
{
    char name[MEMBER_SIZE];

    snprintf(name, sizeof name, "%.*s/json", ID_SIZE, id);
    int rc = document_read(layer, NULL, members, name, err);
    if (rc < 0 || json_is_object(*layer))
        return rc;
    json_decref(*layer);
    *layer = NULL;
    return members_refuse(err, members, name, "no object");
}

static int read_platform(struct image_platform *platform, struct members *members, const char *id, struct error *err)
{
    cleanup_json json_t *layer = NULL;
    int rc = read_layer(&layer, members, id, err);

    if (rc == 0 && !platform_set(platform, document_text(layer, "os"), document_text(layer, "architecture"), NULL))
        rc = members_refuse(err, members, id, "a platform of more than %d bytes a word", PLATFORM_WORD_MAX);
    return rc;
}

static int take_tag(struct image_source *source, const char *name, const char *tag, const char *id, struct error *err)
{
    struct image_offer offer = {
        .group = source->groups++, .names = {.first = source->name_count, .count = 1}, .id = id};
    json_t *text = json_sprintf("%s:%s", name, tag);
    struct image_name whole = {.text = json_string_value(text)};
    int rc = image_source_keep(source, text, err);

    hex_decode(offer.identity.bytes, DIGEST_SIZE, id, ID_SIZE);
    if (rc == 0 && !reference_parse(&whole.reference, whole.text))
        whole.reference = (struct image_reference){0};
    if (rc == 0)
        rc = image_source_add_name(source, &whole, err);
    if (rc == 0)
        rc = read_platform(&offer.platform, source->members, id, err);
    return rc < 0 ? rc : image_source_add_offer(source, &offer, err);
}

static int list(struct image_source *source, struct error *err)
{
    const char *name, *tag;
    json_t *repositories, *tags, *id;
    int rc = read_repositories(&repositories, source->members, err);

    if (rc == 0)
        rc = image_source_keep(source, repositories, err);
    if (rc < 0)
        return rc;
    json_object_foreach(repositories, name, tags) json_object_foreach(tags, tag, id)
    {
        rc = take_tag(source, name, tag, json_string_value(id), err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* --- One image ---------------------------------------------------------------------------------------------------- */

/* From the topmost layer down. */
struct chain {
    json_t *top;           /* the topmost layer's own JSON */
    json_t *ids, *history; /* of each layer; an entry of a config's history */
    size_t text;           /* bytes of the history */
};

static void chain_free(struct chain *chain)
{
    json_decref(chain->top);
    json_decref(chain->ids);
    json_decref(chain->history);
}

/* What was run, as docker has it: "/bin/sh -c …". */
static void add_command(json_t *history, struct chain *chain, const json_t *layer)
{
    const json_t *command = json_object_get(json_object_get(layer, "container_config"), "Cmd"), *word;
    struct buffer text cleanup_buffer = {0};
    size_t i;

    json_array_foreach(command, i, word)
    {
        buffer_add_text(&text, i ? " " : "");
        buffer_add_text(&text, json_is_string(word) ? json_string_value(word) : "");
    }
    chain->text += text.size;
    if (text.size > 0 && !text.failed)
        json_object_set_new(history, "created_by", json_stringn((char *)text.bytes, text.size));
}

static int add_layer(struct chain *chain, const json_t *layer, const char *id, const struct members *members,
                     struct error *err)
{
    json_t *history = json_object();

    if (document_text(layer, "created"))
        json_object_set(history, "created", json_object_get(layer, "created"));
    add_command(history, chain, layer);
    if (json_array_append_new(chain->history, history) < 0 || json_array_append_new(chain->ids, json_string(id)) < 0)
        return error_system(err, ENOMEM, "%s", members_name(members));
    if (chain->text > DOCUMENT_SIZE_MAX)
        return members_refuse(err, members, id, "a history of more than %u MiB", DOCUMENT_SIZE_MAX >> 20);
    return 0;
}

/* Layers one below the other, until one has no parent. A cycle has too many. */
static int read_chain(struct chain *chain, struct members *members, const char *top, struct error *err)
{
    cleanup_json json_t *layer = NULL;
    const char *id = top;
    int rc = 0;

    while (id && rc == 0) {
        json_t *next = NULL;

        if (!is_id(id))
            return members_refuse(err, members, top, "the parent of one of its layers is no id");
        if (json_array_size(chain->ids) == IMAGE_LAYERS_MAX)
            return members_refuse(err, members, top, "more than %d layers", IMAGE_LAYERS_MAX);
        rc = read_layer(&next, members, id, err);
        if (rc == 0)
            rc = add_layer(chain, next, id, members, err);
        json_decref(layer); /* the id was its */
        layer = next;
        if (!chain->top)
            chain->top = json_incref(layer);
        id = document_text(layer, "parent");
    }
    return rc;
}

static int hash_layer(struct digest *diffid, const struct image_source *source, const char *id, struct error *err)
{
    char name[MEMBER_SIZE];
    struct plain *plain = NULL;
    struct input *input;
    const void *bytes;
    ssize_t got;

    snprintf(name, sizeof name, "%.*s/layer.tar", ID_SIZE, id);
    int rc = members_input(&input, NULL, source->members, name, err);
    if (rc < 0)
        return rc;
    rc = plain_open(&plain, input, source->options->size_max, err);
    if (rc == 0) {
        while ((got = plain_next(&bytes, plain, err)) > 0)
            ;
        rc = (int)got;
    }
    if (rc == 0)
        plain_digest(diffid, plain);
    plain_close(plain);
    input_close(input);
    return rc;
}

/* The topmost layer's own JSON without what only layers have, and with the layers that there are. */
static json_t *make_config(const struct chain *chain, json_t *diffids)
{
    static const char *const of_layers[] = {"id", "parent", "parent_id", "layer_id", "Size", "throwaway"};
    json_t *config = json_copy(chain->top), *history = json_array();

    for (size_t i = 0; i < sizeof of_layers / sizeof *of_layers; i++)
        json_object_del(config, of_layers[i]);
    for (size_t i = json_array_size(chain->history); i-- > 0;)
        json_array_append(history, json_array_get(chain->history, i));
    json_object_set_new(config, "history", history);
    if (json_object_set_new(config, "rootfs", json_pack("{s:s,s:O}", "type", "layers", "diff_ids", diffids)) == 0)
        return config;
    json_decref(config);
    return NULL;
}

static int append_diffid(json_t *diffids, const struct image_source *source, const char *id, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    struct digest diffid;
    int rc = hash_layer(&diffid, source, id, err);

    if (rc < 0)
        return rc;
    hex_encode(hex, diffid.bytes, DIGEST_SIZE);
    return json_array_append_new(diffids, json_sprintf("sha256:%s", hex)) == 0
               ? 0
               : error_system(err, ENOMEM, "%s", members_name(source->members));
}

static int set_members(struct image_content *content, const struct chain *chain, struct error *err)
{
    int rc = 0;

    for (size_t i = 0; i < content->count && rc == 0; i++) {
        char name[MEMBER_SIZE];

        snprintf(name, sizeof name, "%.*s/layer.tar", ID_SIZE,
                 json_string_value(json_array_get(chain->ids, content->count - 1 - i)));
        rc = image_content_set_member(content, i, name, err);
    }
    return rc;
}

static int read_config(struct image_content *content, const struct image_source *source, const struct chain *chain,
                       json_t *diffids, const char *id, struct error *err)
{
    json_t *config = make_config(chain, diffids);
    cleanup_free char *text = config ? json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

    buffer_add_text(&content->bytes, text ? text : "");
    if (text && !content->bytes.failed)
        return image_content_read(content, config, source->members, id, err);
    json_decref(config);
    return error_system(err, ENOMEM, "%s", members_name(source->members));
}

static int load_chain(struct image_content *content, const struct image_source *source, struct chain *chain,
                      const char *id, struct error *err)
{
    cleanup_json json_t *diffids = json_array();
    int rc = read_chain(chain, source->members, id, err);

    for (size_t i = json_array_size(chain->ids); i-- > 0 && rc == 0;)
        rc = append_diffid(diffids, source, json_string_value(json_array_get(chain->ids, i)), err);
    if (rc == 0)
        rc = read_config(content, source, chain, diffids, id, err);
    return rc < 0 ? rc : set_members(content, chain, err);
}

static int load(struct image_content *content, const struct image_source *source, const struct image_offer *offer,
                struct error *err)
{
    struct chain chain = {.ids = json_array(), .history = json_array()};
    int rc = load_chain(content, source, &chain, offer->id, err);

    chain_free(&chain);
    return rc;
}

const struct image_kind image_legacy = {"docker", has, likes, list, load};
