/* scan_items.c - the distinct contents of a scan, by the name that each has in the cache. */
#include "cli/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FIRST_SLOTS 4096

static const struct scan_kind KINDS[] = {
    {"content", "", false, false},
    {"content+name", "+name", true, false},
    {"content+mode+owner+name", "+mode+owner+name", true, true},
};

const struct scan_kind *scan_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++)
        if (strcmp(KINDS[i].name, name) == 0)
            return &KINDS[i];
    return NULL;
}

int scan_items_init(struct scan_items *items, struct error *err)
{
    uint8_t key[SIPHASH_KEY_SIZE];

    *items = (struct scan_items){.slot_count = FIRST_SLOTS, .sha = sha256_new()};
    items->slots = calloc(FIRST_SLOTS, sizeof *items->slots);
    if (!items->sha || !items->slots)
        return error_system(err, ENOMEM, "cannot collect contents");
    /* Who chooses contents chooses digests, to some extent. */
    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        return error_system(err, errno, "no random bytes");
    items->hash = siphash_key_load(key);
    return 0;
}

void scan_items_free(struct scan_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free(items->items[i].path);
        free(items->items[i].text);
    }
    free(items->items);
    free(items->slots);
    sha256_free(items->sha);
    *items = (struct scan_items){0};
}

static const char *base_name(const struct scan_file *file)
{
    const char *slash = strrchr(file->path, '/');

    return slash ? slash + 1 : file->path;
}

/* doc/FORMAT.md, "Verdicts": the name stands last, so nothing in it has to be escaped. */
static struct digest entry_of(const struct scan_items *items, const struct scan_kind *kind,
                              const struct scan_file *file)
{
    char text[256], hex[DIGEST_HEX_SIZE];
    struct digest entry;
    int size;

    if (!kind->has_name)
        return file->content;
    hex_encode(hex, file->content.bytes, DIGEST_SIZE);
    size = snprintf(text, sizeof text, "confuse scan 1\n%s\n%s\n", kind->name, hex);
    if (kind->has_owner)
        size += snprintf(text + size, sizeof text - (size_t)size, "%04o\n%u:%u\n", (unsigned)(file->mode & 07777),
                         (unsigned)file->uid, (unsigned)file->gid);
    const char *name = base_name(file);
    sha256_add(items->sha, text, (size_t)size);
    sha256_add(items->sha, name, strlen(name));
    sha256_final(&entry, items->sha);
    return entry;
}

/* Where it is, or where it would stand. */
static uint32_t *find_slot(const struct scan_items *items, const struct digest *entry)
{
    size_t at = siphash(&items->hash, entry->bytes, DIGEST_SIZE) & (items->slot_count - 1);

    while (items->slots[at] && !digest_equal(&items->items[items->slots[at] - 1].entry, entry))
        at = (at + 1) & (items->slot_count - 1);
    return &items->slots[at];
}

static int grow(struct scan_items *items)
{
    size_t room = items->room ? 2 * items->room : FIRST_SLOTS / 2;
    struct scan_item *grown = realloc(items->items, room * sizeof *grown);

    if (!grown)
        return -ENOMEM;
    items->items = grown;
    items->room = room;
    uint32_t *slots = calloc(2 * room, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    free(items->slots);
    items->slots = slots;
    items->slot_count = 2 * room;
    for (size_t i = 0; i < items->count; i++)
        *find_slot(items, &items->items[i].entry) = (uint32_t)i + 1;
    return 0;
}

int scan_items_add(struct scan_items *items, const struct scan_kind *kind, const struct scan_file *file,
                   uint32_t snapshot, struct error *err)
{
    struct digest entry = entry_of(items, kind, file);

    if (*find_slot(items, &entry))
        return 0;
    if (items->count == SCAN_ITEMS_MAX)
        return error_input(err, "more than %u distinct contents in one scan", SCAN_ITEMS_MAX);
    if (items->count == items->room && grow(items) < 0)
        return error_system(err, ENOMEM, "cannot collect contents");
    struct scan_item item = {.entry = entry, .content = file->content, .mode = file->mode, .snapshot = snapshot};
    item.uid = file->uid;
    item.gid = file->gid;
    item.path = kind->has_name ? strdup(file->path) : NULL;
    if (kind->has_name && !item.path)
        return error_system(err, ENOMEM, "cannot collect contents");
    items->items[items->count++] = item;
    *find_slot(items, &entry) = (uint32_t)items->count;
    return 0;
}

const struct scan_item *scan_items_find(const struct scan_items *items, const struct scan_kind *kind,
                                        const struct scan_file *file)
{
    struct digest entry = entry_of(items, kind, file);
    uint32_t slot = *find_slot(items, &entry);

    return slot ? &items->items[slot - 1] : NULL;
}

void scan_count(struct scan_tally *tally, const struct scan_items *items)
{
    *tally = (struct scan_tally){0};
    for (size_t i = 0; i < items->count; i++) {
        const struct scan_item *item = &items->items[i];
        bool judged = item->state != SCAN_UNKNOWN && item->state != SCAN_FAILED;

        tally->failed += !judged;
        tally->found += item->state == SCAN_FOUND;
        tally->known += judged && item->origin == SCAN_KNOWN;
        tally->scanned += judged && item->origin == SCAN_SCANNED;
        tally->shared += judged && item->origin == SCAN_SHARED;
    }
}
