/* view.c - see view.h. */
#include "cli/view.h"

#include "base/jsonl.h"
#include "base/quote.h"
#include "cli/terminal.h"
#include "db/image.h"
#include "tree/follow.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int view_split(char *snap, size_t room, struct view *view, const char *argument, struct error *err)
{
    const char *colon = NULL;

    for (const char *at = argument; (at = strstr(at, ":/")); at++)
        colon = at;
    size_t size = colon ? (size_t)(colon - argument) : strlen(argument);
    const char *path = colon ? colon + 1 : "/";
    if (size >= room || strlen(path) >= sizeof view->path)
        return error_input(err, "%.40s… is too long (%zu bytes)", argument, strlen(argument));
    memcpy(snap, argument, size);
    snap[size] = '\0';
    memcpy(view->path, path, strlen(path) + 1);
    return 0;
}

int view_open_store(struct view *view, const struct invocation *invocation, struct error *err)
{
    int result = store_open(&view->store, invocation->store, STORE_READ, err);

    if (result == 0)
        result = tree_cache_new(&view->cache, TREE_CACHE_DEFAULT, err);
    if (result == 0)
        result = tree_reader_new(&view->reader, view->store, view->cache, err);
    return result;
}

int view_open(struct view *view, const struct invocation *invocation, int argc, char **argv, struct error *err)
{
    char snap[NAMESPACE_SIZE_MAX + TAG_SIZE_MAX + 2];

    if (argc != 1)
        return error_usage(err, "one snapshot is needed: an id, a prefix of one, NAMESPACE@latest, NAMESPACE@TIME "
                                "or NAMESPACE:TAG");
    int result = view_split(snap, sizeof snap, view, argv[0], err);
    if (result == 0)
        result = view_open_store(view, invocation, err);
    if (result == 0)
        result = snapshot_resolve(&view->snapshot, view->store, snap, err);
    return result;
}

void view_close(struct view *view)
{
    tree_reader_free(view->reader);
    tree_cache_free(view->cache);
    store_close(view->store);
}

int view_find(struct tree_place *place, struct view *view, struct error *err)
{
    char resolved[FOLLOW_PATH_MAX + 1];
    int result = tree_follow(place, resolved, view->reader, tree_of_snapshot(&view->snapshot), view->path,
                             strlen(view->path), err);

    switch (result) {
    case 0:
        memcpy(view->path, resolved, strlen(resolved) + 1);
        return 0;
    case -ENOENT:
    case -ENOTDIR:
    case -ELOOP:
    case -ENAMETOOLONG:
        return error_input(err, "%s: %s", view->path, strerror(-result));
    default:
        return result;
    }
}

static int add_tag_text(void *arg, const char *tag)
{
    struct buffer *text = arg;

    buffer_add_text(text, text->size ? ", tag: " : "tag: ");
    quote_text(text, tag, strlen(tag));
    return 0;
}

int view_tags(struct buffer *text, struct store *store, const struct snapshot *snapshot, struct error *err)
{
    return image_visit_tags(store, snapshot->number, add_tag_text, text, err);
}

static int add_tag_element(void *arg, const char *tag)
{
    struct buffer *array = arg;

    if (array->size > 1)
        buffer_add_byte(array, ',');
    quote_json(array, tag, strlen(tag));
    return 0;
}

static int tags_member(struct buffer *line, struct store *store, const struct snapshot *snapshot, struct error *err)
{
    struct buffer array cleanup_buffer = {0};

    buffer_add_byte(&array, '[');
    int result = image_visit_tags(store, snapshot->number, add_tag_element, &array, err);
    buffer_add_byte(&array, ']');
    if (result == 0)
        jsonl_raw(line, "tags", array.bytes, array.size);
    return result;
}

static int image_member(struct buffer *line, struct store *store, const struct snapshot *snapshot, struct error *err)
{
    struct image image;
    int result = image_find_number(&image, store, snapshot->image, err);

    if (result == 0)
        jsonl_hex(line, "image", image.config.bytes, DIGEST_SIZE);
    return result == -ENOENT ? 0 : result;
}

int view_snapshot_members(struct buffer *line, struct store *store, const struct snapshot *snapshot, struct error *err)
{
    jsonl_hex(line, "id", snapshot->id, SNAPSHOT_ID_SIZE);
    jsonl_string(line, "namespace", snapshot->namespace);
    jsonl_time(line, "time", snapshot->time);
    jsonl_time(line, "imported", snapshot->imported);
    jsonl_string(line, "format", snapshot->format);
    jsonl_bool(line, "partial", snapshot->partial);
    jsonl_bool(line, "pinned", snapshot->pinned);
    int result = tags_member(line, store, snapshot, err);
    return result == 0 && snapshot->image ? image_member(line, store, snapshot, err) : result;
}

int view_print(void *arg, const void *bytes, size_t size)
{
    (void)arg;
    print_json_lines(bytes, size);
    return ferror(stdout) ? -EIO : 0;
}
