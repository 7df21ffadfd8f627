/* notes.c - the texts are canonical as they stand: members in order, no white space. */
#include "import/notes.h"

#include "base/quote.h"
#include "base/timestamp.h"

#include <errno.h>
#include <string.h>

/* One of text, list and number: the first that is there. */
struct member {
    const char *name, *text;
    uint64_t number;
    const char *const *list; /* ended by NULL */
};

static void add_value(struct buffer *value, const struct member *member)
{
    if (member->text) {
        quote_json(value, member->text, strlen(member->text));
        return;
    }
    if (!member->list) {
        buffer_add_format(value, "%llu", (unsigned long long)member->number);
        return;
    }
    buffer_add_byte(value, '[');
    for (const char *const *text = member->list; *text; text++) {
        if (text != member->list)
            buffer_add_byte(value, ',');
        quote_json(value, *text, strlen(*text));
    }
    buffer_add_byte(value, ']');
}

static int add_note(struct record_set *features, struct noted noted, const struct member *members, size_t count,
                    struct error *err)
{
    struct buffer value = {0};

    for (size_t i = 0; i < count; i++) {
        buffer_add_format(&value, "%s\"%s\":", i ? "," : "{", members[i].name);
        add_value(&value, &members[i]);
    }
    buffer_add_byte(&value, '}');
    struct feature feature = {
        .type = FEATURE_NOTE,
        .type_size = sizeof FEATURE_NOTE - 1,
        .key = noted.path ? noted.path : "",
        .key_size = (uint32_t)noted.size,
        .value = (const char *)value.bytes,
        .value_size = (uint32_t)value.size,
    };
    int rc = value.failed ? error_system(err, ENOMEM, "a note") : record_set_add(features, &feature, err);
    buffer_free(&value);
    return rc;
}

int note_left_out(struct record_set *features, struct noted noted, const char *record, const char *why,
                  struct error *err)
{
    struct member members[] = {{"record", record, 0, NULL}, {"what", "left-out", 0, NULL}, {"why", why, 0, NULL}};

    return add_note(features, noted, members, 3, err);
}

int note_duplicate(struct record_set *features, struct noted noted, const char *record, struct error *err)
{
    struct member members[] = {{"record", record, 0, NULL}, {"what", "duplicate", 0, NULL}};

    return add_note(features, noted, members, 2, err);
}

int note_unknown(struct record_set *features, struct noted noted, const char *const *fields, struct error *err)
{
    struct member members[] = {{"fields", NULL, 0, fields}, {"what", "unknown", 0, NULL}};

    return add_note(features, noted, members, 2, err);
}

int note_size(struct record_set *features, struct noted noted, const char *what, uint64_t held, uint64_t size,
              struct error *err)
{
    struct member members[] = {{"held", NULL, held, NULL}, {"size", NULL, size, NULL}, {"what", what, 0, NULL}};

    return add_note(features, noted, members, 3, err);
}

int note_join(struct record_set *features, struct noted noted, const char *what, struct error *err)
{
    struct member members[] = {{"what", what, 0, NULL}};

    return add_note(features, noted, members, 1, err);
}

int note_created(struct record_set *features, uint64_t time, struct error *err)
{
    char text[TIMESTAMP_TEXT_SIZE];
    struct member members[] = {{"time", text, 0, NULL}, {"what", KNOWN_CREATED, 0, NULL}};

    timestamp_format(text, time);
    return add_note(features, (struct noted){0}, members, 2, err);
}

int note_made(struct record_set *features, struct noted noted, const char *const *from, struct error *err)
{
    struct member members[] = {{"from", NULL, 0, from}, {"what", NOTE_MADE, 0, NULL}};

    return add_note(features, noted, members, 2, err);
}

int note_not_rendered(struct record_set *features, const char *record, const char *why, uint64_t count,
                      struct error *err)
{
    struct member members[] = {{"count", NULL, count, NULL},
                               {"record", record, 0, NULL},
                               {"what", "not-rendered", 0, NULL},
                               {"why", why, 0, NULL}};

    return add_note(features, (struct noted){0}, members, 4, err);
}

int note_veneer(struct record_set *features, uint64_t version, struct error *err)
{
    struct member members[] = {{"version", NULL, version, NULL}, {"what", NOTE_VENEER, 0, NULL}};

    return add_note(features, (struct noted){0}, members, 2, err);
}

int note_partial(struct record_set *features, const char *why, struct error *err)
{
    struct member members[] = {{"what", "partial", 0, NULL}, {"why", why, 0, NULL}};

    return add_note(features, (struct noted){0}, members, 2, err);
}

int note_capture(struct record_set *features, struct noted noted, const char *what, const char *why, struct error *err)
{
    struct member members[] = {{"what", what, 0, NULL}, {"why", why, 0, NULL}};

    return add_note(features, noted, members, why ? 2 : 1, err);
}
