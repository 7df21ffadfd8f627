/* record_set.c - see record_set.h. */
#include "import/record_set.h"

#include "db/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct item {
    uint64_t value;   /* offset in the spool */
    size_t type, key; /* offsets in names */
    uint32_t type_size, key_size, value_size;
};

void record_set_free(struct record_set *set)
{
    buffer_free(&set->names);
    buffer_free(&set->list);
}

static struct item *items_of(const struct record_set *set)
{
    return (struct item *)(void *)set->list.bytes;
}

static size_t count_of(const struct record_set *set)
{
    return set->list.size / sizeof(struct item);
}

static size_t add_name(struct record_set *set, const char *text, size_t size)
{
    size_t at = set->names.size;

    buffer_add(&set->names, text, size);
    return at;
}

int record_set_add(struct record_set *set, const struct feature *feature, struct error *err)
{
    struct item item = {
        .value = spool_size(set->values),
        .type_size = feature->type_size,
        .key_size = feature->key_size,
        .value_size = feature->value_size,
    };

    if (set->list.size == 0 || set->type_size != feature->type_size ||
        memcmp(set->names.bytes + set->type, feature->type, feature->type_size) != 0) {
        set->type = add_name(set, feature->type, feature->type_size);
        set->type_size = feature->type_size;
    }
    item.type = set->type;
    item.key = add_name(set, feature->key, feature->key_size);
    buffer_add(&set->list, &item, sizeof item);
    if (set->names.failed || set->list.failed)
        return error_system(err, ENOMEM, "cannot hold %zu records", count_of(set));
    if (set->size_max && set->names.size + set->list.size > set->size_max)
        return error_input(err, "%s: what there is to say of its entries fills more than %zu MiB", set->source,
                           set->size_max >> 20);
    return spool_add(set->values, feature->value, feature->value_size, err);
}

/* What comparing needs beside the two items, and what went wrong in it: qsort has no other way out. */
struct comparing {
    struct record_set *set;
    struct error *err;
    int rc;
};

static int compare_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_values(struct comparing *c, const struct item *a, const struct item *b)
{
    /* One view over both, since a second one would end the first. */
    uint64_t first = a->value < b->value ? a->value : b->value;
    const struct item *last = a->value < b->value ? b : a;

    if (a == b || c->rc < 0)
        return 0;
    const uint8_t *bytes = spool_view(c->set->values, first, (size_t)(last->value - first) + last->value_size, c->err);
    if (!bytes) {
        c->rc = -EIO;
        return 0;
    }
    return compare_bytes(bytes + (a->value - first), a->value_size, bytes + (b->value - first), b->value_size);
}

static int compare_items(const void *a, const void *b, void *arg)
{
    struct comparing *c = arg;
    const struct item *x = a, *y = b;
    const uint8_t *names = c->set->names.bytes;
    int order = compare_bytes(names + x->type, x->type_size, names + y->type, y->type_size);

    if (order == 0)
        order = compare_bytes(names + x->key, x->key_size, names + y->key, y->key_size);
    return order ? order : compare_values(c, x, y);
}

int record_set_visit(struct record_set *set, int (*visit)(void *arg, const struct feature *feature, struct error *err),
                     void *arg, struct error *err)
{
    struct comparing c = {.set = set, .err = err};
    struct item *items = items_of(set);
    struct buffer value = {0};

    if (count_of(set) > 1)
        qsort_r(items, count_of(set), sizeof *items, compare_items, &c);
    for (size_t i = 0; i < count_of(set) && c.rc == 0; i++) {
        const struct item *item = &items[i];

        if (i > 0 && compare_items(&items[i - 1], item, &c) == 0)
            continue;
        buffer_clear(&value);
        if (!buffer_reserve(&value, item->value_size)) {
            c.rc = error_system(err, ENOMEM, "a value of %u bytes", item->value_size);
            break;
        }
        c.rc = spool_read(value.bytes, set->values, item->value, item->value_size, err);
        struct feature feature = {
            .type = (const char *)set->names.bytes + item->type,
            .key = (const char *)set->names.bytes + item->key,
            .value = (const char *)value.bytes,
            .type_size = item->type_size,
            .key_size = item->key_size,
            .value_size = item->value_size,
        };
        if (c.rc == 0)
            c.rc = visit(arg, &feature, err);
    }
    buffer_free(&value);
    return c.rc;
}

static int write_one(void *cutter, const struct feature *feature, struct error *err)
{
    return cutter_add_feature(cutter, feature, err);
}

int record_set_write(struct node_ref *out, struct record_set *set, struct store *store, struct error *err)
{
    struct cutter *cutter;
    int rc = cutter_new(&cutter, store, NODE_FEATURES, err);

    if (rc < 0)
        return rc;
    rc = record_set_visit(set, write_one, cutter, err);
    if (rc == 0)
        rc = cutter_finish(out, cutter, err);
    cutter_free(cutter);
    return rc;
}
