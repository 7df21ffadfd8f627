/* file_record.c - one pass over the value picks the fields' texts, then each becomes what an entry holds.
 *
 * This is what most of an import's own time goes into: a system has some hundred thousand of these records.
 */
#include "import/file_record.h"

#include "base/timestamp.h"

#include <errno.h>

#define ID_MAX 4294967295u
/* One more field, without which a record is whole. */
#define FILE_CTIME FILE_FIELDS
#define FILE_PICKED (FILE_FIELDS + 1)

#define EXPONENT_MAX 100000000 /* more than a line has bytes */

#define NAME(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof text - 1, false                                                                                   \
    }

static const struct json_string names[FILE_PICKED] = {
    [FILE_GID] = NAME("gid"),     [FILE_LINKSTO] = NAME("linksto"), [FILE_MODE] = NAME("mode"),
    [FILE_MTIME] = NAME("mtime"), [FILE_SIZE] = NAME("size"),       [FILE_TYPE] = NAME("type"),
    [FILE_UID] = NAME("uid"),     [FILE_CTIME] = NAME("ctime"),
};

const char *file_field_name(enum file_field field)
{
    return names[field].text;
}

/* The `type` words, what they mean, and the permissions of what has no mode. */
static const struct {
    const char *word;
    unsigned mode;
} types[] = {
    {"file", S_IFREG | 0644},  {"dir", S_IFDIR | 0755},  {"link", S_IFLNK | 0777},
    {"block", S_IFBLK | 0644}, {"char", S_IFCHR | 0644}, {"pipe", S_IFIFO | 0644},
};

struct field {
    enum json_type type;
    struct json_span text; /* a string's bytes, once decode_strings() was there */
};

static unsigned field_of(const struct json_string *key)
{
    unsigned field = 0;

    if (key->escaped)
        while (field < FILE_PICKED && !json_string_is(key, names[field].text))
            field++;
    else
        while (field < FILE_PICKED &&
               (key->size != names[field].size || memcmp(key->text, names[field].text, key->size) != 0))
            field++;
    return field;
}

static int pick_fields(struct field fields[FILE_PICKED], const struct json_span *value, struct error *err)
{
    struct json json;
    struct json_string key;

    json_begin(&json, value->text, value->size);
    int rc = json_enter_object(&json);
    while (rc >= 0 && (rc = json_member(&key, &json)) == 1) {
        unsigned field = field_of(&key);
        struct field ignored;
        struct field *to = field < FILE_PICKED ? &fields[field] : &ignored;

        to->type = json_next(&json);
        rc = json_skip(&to->text, &json);
    }
    if (rc < 0 || json_finish(&json) < 0)
        return record_broken(err, "value", &json);
    return 0;
}

/* Strings lose their quotes; what has escapes goes to file->strings. */
static int decode_strings(struct file_record *file, struct field fields[FILE_PICKED], struct error *err)
{
    struct json_string strings[FILE_PICKED];
    struct json json;
    size_t size = 0;

    for (size_t i = 0; i < FILE_PICKED; i++) {
        if (fields[i].type != JSON_STRING)
            continue;
        json_begin(&json, fields[i].text.text, fields[i].text.size);
        json_read_string(&strings[i], &json);
        fields[i].text = (struct json_span){strings[i].text, strings[i].size};
        size += strings[i].escaped ? strings[i].size : 0;
    }
    if (size == 0)
        return 0;
    buffer_clear(&file->strings);
    if (!buffer_reserve(&file->strings, size)) /* bytes are never more than their escapes, so nothing moves below */
        return error_system(err, ENOMEM, "a record's strings");
    for (size_t i = 0; i < FILE_PICKED; i++) {
        size_t at = file->strings.size;

        if (fields[i].type != JSON_STRING || !strings[i].escaped)
            continue;
        json_decode(&file->strings, &strings[i], NULL);
        fields[i].text = (struct json_span){(const char *)file->strings.bytes + at, file->strings.size - at};
    }
    return 0;
}

/* The digits of a number, which may be written as a string; an empty text is no number for anyone. */
static struct json_span number_of(const struct field *field)
{
    if (field->type == JSON_NUMBER || field->type == JSON_STRING)
        return field->text;
    return (struct json_span){"", 0};
}

/* "+16" behind the 'e'. No line has as many digits as the bound, so it changes no number. */
static bool read_exponent(int *exponent, const char *p, const char *end)
{
    bool negative = p < end && *p == '-';
    int value = 0;

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return false;
        if (value < EXPONENT_MAX)
            value = value * 10 + (*p - '0');
    }
    *exponent = negative ? -value : value;
    return true;
}

static bool add_digit(uint64_t *value, char digit)
{
    uint64_t units = (uint64_t)(digit - '0');

    if (*value > (INT64_MAX - units) / 10)
        return false;
    *value = *value * 10 + units;
    return true;
}

bool file_number_parse(uint64_t *number, const char *text, size_t size)
{
    const char *p = text, *end = text + size, *point = NULL;
    uint64_t value = 0;
    int exponent = 0;

    for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !point)); p++)
        if (*p == '.')
            point = p;
    const char *stop = p;
    if (stop - text <= (point != NULL) || (p < end && *p != 'e' && *p != 'E') ||
        (p < end && !read_exponent(&exponent, p + 1, end)))
        return false;
    /* How many digits the whole number has, once the exponent has moved the point; behind the last come zeros. */
    long whole = (long)((point ? point : stop) - text) + exponent;
    for (p = text; p < stop && whole > 0; p++) {
        if (p == point)
            continue;
        if (!add_digit(&value, *p))
            return false;
        whole--;
    }
    for (; value > 0 && whole > 0; whole--)
        if (!add_digit(&value, '0'))
            return false;
    *number = value;
    return true;
}

/* A field as a number up to `max`, or else a default and a mark. */
static uint64_t read_number(struct file_record *file, const struct field fields[FILE_PICKED], enum file_field field,
                            uint64_t max, uint64_t otherwise)
{
    struct json_span text = number_of(&fields[field]);
    uint64_t number;

    if (file_number_parse(&number, text.text, text.size) && number <= max)
        return number;
    file->unknown |= 1u << field;
    return otherwise;
}

static unsigned mode_of_type(const struct field *type)
{
    for (size_t i = 0; type->type == JSON_STRING && i < sizeof types / sizeof *types; i++)
        if (type->text.size == strlen(types[i].word) && memcmp(type->text.text, types[i].word, type->text.size) == 0)
            return types[i].mode;
    return 0;
}

static bool is_file_type(unsigned mode)
{
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISBLK(mode) || S_ISCHR(mode) || S_ISFIFO(mode) ||
           S_ISSOCK(mode);
}

/* Sockets say "file", so the mode's own type counts, and `type` only where the mode has none. */
static unsigned read_mode(struct file_record *file, const struct field fields[FILE_PICKED])
{
    unsigned mode = (unsigned)read_number(file, fields, FILE_MODE, S_IFMT | 07777, 0);

    if (is_file_type(mode))
        return mode;
    unsigned from_type = mode_of_type(&fields[FILE_TYPE]);
    if (!from_type) {
        file->unknown |= 1u << FILE_TYPE;
        from_type = S_IFREG | 0644;
    }
    return file->unknown & 1u << FILE_MODE ? from_type : (from_type & S_IFMT) | (mode & 07777);
}

/* What a link points to; false: the record does not tell, or it is nothing that a link can hold. */
static bool read_target(struct file_record *file, const struct field *linksto)
{
    const struct json_span *target = &linksto->text;

    if (linksto->type != JSON_STRING || target->size == 0 || target->size > ENTRY_TARGET_MAX ||
        memchr(target->text, '\0', target->size))
        return false;
    file->entry.target = target->text;
    file->entry.target_size = (uint16_t)target->size;
    return true;
}

int file_record_read(struct file_record *file, const struct json_span *value, struct error *err)
{
    struct field fields[FILE_PICKED] = {0};
    struct entry *entry = &file->entry;
    int rc = pick_fields(fields, value, err);

    if (rc == 0)
        rc = decode_strings(file, fields, err);
    if (rc < 0)
        return rc;
    *entry = (struct entry){0};
    file->unknown = 0;
    entry->mode = read_mode(file, fields);
    entry->uid = (uint32_t)read_number(file, fields, FILE_UID, ID_MAX, FILE_ID_UNKNOWN);
    entry->gid = (uint32_t)read_number(file, fields, FILE_GID, ID_MAX, FILE_ID_UNKNOWN);
    entry->size = file->size = read_number(file, fields, FILE_SIZE, INT64_MAX, 0);
    struct json_span mtime = number_of(&fields[FILE_MTIME]);
    if (!timestamp_parse_seconds(&entry->mtime, mtime.text, mtime.size))
        file->unknown |= 1u << FILE_MTIME;
    struct json_span ctime = number_of(&fields[FILE_CTIME]);
    if (!timestamp_parse_seconds(&file->ctime, ctime.text, ctime.size))
        file->ctime = FILE_CTIME_UNKNOWN;
    if (S_ISREG(entry->mode) && (entry->size > 0 || file->unknown & 1u << FILE_SIZE))
        entry->flags = ENTRY_ABSENT;
    if (S_ISLNK(entry->mode)) {
        if (read_target(file, &fields[FILE_LINKSTO])) {
            entry->size = entry->target_size;
        } else {
            entry->flags = ENTRY_ABSENT;
            file->unknown |= 1u << FILE_LINKSTO;
        }
    }
    return 0;
}
