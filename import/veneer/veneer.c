/* veneer.c - the table of renderers, and how what they make comes into the journal. */
#include "import/veneer/veneer.h"

#include "base/timestamp.h"
#include "db/blob.h"
#include "import/notes.h"
#include "import/veneer/render.h"
#include "tree/features.h"
#include "tree/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What each reads; the kinds' names go into the notes, in order. */
static const struct {
    int (*render)(struct veneer *v, struct error *err);
    unsigned from; /* bit 1 << kind */
} renderers[] = {
    {render_texts, 1u << FACT_PROC}, /* before all that makes the same of less */
    {render_system_files, 1u << FACT_OS},
    {render_container_name, 1u << FACT_INSPECT},
    {render_hostname, 0},
    {render_kernel, 1u << FACT_OS},
    {render_time, 1u << FACT_OS},
    {render_load, 1u << FACT_LOAD | 1u << FACT_METRIC | 1u << FACT_PROCESS},
    {render_memory, 1u << FACT_MEMORY},
    {render_cpus, 1u << FACT_CPU | 1u << FACT_METRIC | 1u << FACT_OS | 1u << FACT_PROCESS},
    {render_mounts, 1u << FACT_DISK | 1u << FACT_MOUNTS},
    {render_partitions, 1u << FACT_DISK},
    {render_diskstats, 1u << FACT_DISKIO},
    {render_connections, 1u << FACT_CONNECTION | 1u << FACT_PROCESS},
    {render_interfaces, 1u << FACT_INTERFACE},
    {render_processes, 1u << FACT_CONNECTION | 1u << FACT_METRIC | 1u << FACT_MOUNTS | 1u << FACT_PROCESS},
    {render_packages, 1u << FACT_OS | 1u << FACT_PACKAGE},
    {render_devices, 1u << FACT_METADATA},
};

/* --- Putting ------------------------------------------------------------------------------------------------------ */

static int put_content(struct entry *entry, struct entry_digests *digests, struct veneer *v, struct error *err)
{
    if (v->text.failed)
        return error_system(err, ENOMEM, "a made file");
    entry->size = v->text.size;
    return blob_put(&entry->content, &digests->content, v->frame->options->store,
                    v->text.bytes ? (const void *)v->text.bytes : "", v->text.size, err);
}

static int note(struct veneer *v, const struct made *made, struct noted noted, const struct entry *there, uint64_t size,
                struct error *err)
{
    int rc = made->unnoted ? 0 : note_made(&v->frame->features, noted, v->from, err);

    if (rc == 0 && there)
        rc = note_size(&v->frame->features, noted, NOTE_FILLED, size, there->size, err);
    return rc;
}

static int put(struct veneer *v, const struct made *made, const char *path, const struct entry *there,
               struct error *err)
{
    struct journal_record record = {
        .path = path,
        .path_size = (uint16_t)strlen(path),
        .entry = {.mode = made->mode,
                  .uid = made->uid,
                  .gid = made->gid,
                  .mtime = made->mtime,
                  .rdev_major = made->major,
                  .rdev_minor = made->minor,
                  .target = made->target,
                  .target_size = (uint16_t)made->target_size,
                  .size = S_ISDIR(made->mode) ? ENTRY_DIRECTORY_SIZE : made->target_size,
                  .flags = ENTRY_MADE},
    };
    uint64_t at;
    int rc = S_ISREG(made->mode) ? put_content(&record.entry, &record.digests, v, err) : 0;

    if (rc == 0)
        rc = journal_add(&at, v->journal, &record, err);
    return rc < 0 ? rc : note(v, made, (struct noted){path, record.path_size}, there, record.entry.size, err);
}

int veneer_put(struct veneer *v, const struct made *made, struct error *err)
{
    char path[FOLLOW_PATH_MAX + 1];
    struct entry there;
    int rc = builder_resolve(path, v->frame->builder, made->path, strlen(made->path));

    if (rc >= 0)
        rc = builder_find(&there, v->frame->builder, path, strlen(path), err);
    bool fills = rc == 0 && S_ISREG(there.mode) && there.flags & ENTRY_ABSENT && S_ISREG(made->mode);
    bool fits = v->files < VENEER_FILES_MAX && v->text.size <= VENEER_SIZE_MAX;
    if (!fits)
        v->files_left_out += fills || rc == -ENOENT;
    if (fits && (fills || rc == -ENOENT)) {
        v->files++;
        rc = put(v, made, path, fills ? &there : NULL, err);
    } else if (rc == -ELOOP || rc == -ENOTDIR || rc == -ENAMETOOLONG || rc == -ENOENT) {
        rc = 0; /* what was captured leaves no place for it */
    }
    buffer_clear(&v->text);
    return rc;
}

int veneer_put_file(struct veneer *v, const char *path, struct error *err)
{
    if (veneer_has_text(v, path)) {
        buffer_clear(&v->text);
        return 0;
    }
    return veneer_put(v, &(struct made){.path = path, .mode = S_IFREG | 0444, .mtime = v->boot}, err);
}

int veneer_put_link(struct veneer *v, const char *path, const char *target, struct error *err)
{
    const struct made made = {
        .path = path, .mode = S_IFLNK | 0777, .mtime = v->boot, .target = target, .target_size = strlen(target)};

    return veneer_put(v, &made, err);
}

int veneer_left_out(struct veneer *v, const char *record, const char *why, uint64_t count, struct error *err)
{
    return count ? note_not_rendered(&v->frame->features, record, why, count, err) : 0;
}

/* --- Texts -------------------------------------------------------------------------------------------------------- */

void veneer_add_escaped(struct buffer *out, const char *text, size_t size, const char *escaped)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0' || strchr(escaped, text[i]))
            buffer_add_format(out, "\\%03o", (unsigned char)text[i]);
        else
            buffer_add_byte(out, (uint8_t)text[i]);
    }
}

bool veneer_is_line(struct fact fact)
{
    for (size_t i = 0; i < fact.size; i++)
        if ((unsigned char)fact.text[i] < 0x20 || fact.text[i] == 0x7f)
            return false;
    return fact.text && fact.size > 0;
}

int veneer_read_captured(struct buffer *out, struct veneer *v, const char *path, size_t max, struct error *err)
{
    char resolved[FOLLOW_PATH_MAX + 1];
    struct store *store = v->frame->options->store;
    struct entry entry;
    struct blob blob;

    buffer_clear(out);
    if (builder_resolve(resolved, v->frame->builder, path, strlen(path)) != 1)
        return 0;
    int rc = builder_find(&entry, v->frame->builder, resolved, strlen(resolved), err);
    if (rc < 0 || !entry.content)
        return rc == -ENOENT ? 0 : rc;
    rc = blob_find(&blob, store, entry.content, err);
    if (rc < 0 || blob.size > max)
        return rc == -ENOENT ? 0 : rc;
    if (!buffer_reserve(out, (size_t)blob.size + 1))
        return error_system(err, ENOMEM, "a content");
    ssize_t got = blob_read(out->bytes, store, &blob, 0, (size_t)blob.size, err);
    blob_rest(store);
    if (got > 0)
        buffer_took(out, (size_t)got);
    return got < 0 ? (int)got : 0;
}

/* --- All of it ---------------------------------------------------------------------------------------------------- */

static void read_clock(struct veneer *v)
{
    struct fact boot = facts_one(&v->facts, FACT_OS, OS_BOOT);

    v->has_boot = fact_time(&v->boot, boot) && v->boot > 0;
    v->has_uptime = fact_real(&v->uptime, facts_one(&v->facts, FACT_OS, OS_UPTIME));
    if (!v->has_uptime && v->has_boot && v->frame->time >= v->boot) {
        v->has_uptime = true;
        v->uptime = (double)(v->frame->time - v->boot) / (double)NANOSECONDS;
    }
    if (!v->has_boot)
        v->boot = 0;
}

static int gather(struct veneer *v, struct error *err)
{
    struct buffer passwd = {0};
    int rc = facts_gather(&v->facts, &v->frame->features, err);

    if (rc == 0)
        rc = veneer_read_captured(&passwd, v, "/etc/passwd", ACCOUNTS_SIZE_MAX, err);
    if (rc == 0)
        accounts_read(&v->accounts, &passwd);
    buffer_free(&passwd);
    if (rc == 0 && v->accounts.list.failed)
        rc = error_system(err, ENOMEM, "cannot hold the accounts");
    read_clock(v);
    if (rc == 0)
        rc = numbering_make(&v->processes, &v->facts, FACT_PROCESS, PROCESS_PID, VENEER_PID_MAX, err);
    if (rc == 0)
        rc = numbering_make(&v->metrics, &v->facts, FACT_METRIC, METRIC_PID, VENEER_PID_MAX, err);
    if (rc == 0)
        rc = numbering_make(&v->connections, &v->facts, FACT_CONNECTION, CONNECTION_PID, VENEER_PID_MAX, err);
    for (unsigned kind = 0; kind < FACT_KINDS && rc == 0; kind++)
        rc = veneer_left_out(v, facts_type((enum fact_kind)kind), "it is no object, or there is too much of its type",
                             v->facts.left[kind].records, err);
    for (unsigned kind = 0; kind < FACT_KINDS && rc == 0; kind++)
        rc = veneer_left_out(v, facts_type((enum fact_kind)kind), "a field is too large, or there is too much of them",
                             v->facts.left[kind].fields, err);
    return rc;
}

/* Of what a renderer reads, what the frame has. */
static void choose_from(struct veneer *v, unsigned kinds)
{
    unsigned count = 0;

    for (unsigned kind = 0; kind < FACT_KINDS && count + 1 < VENEER_FROM_MAX; kind++)
        if (kinds & 1u << kind && facts_count(&v->facts, (enum fact_kind)kind))
            v->from[count++] = facts_type((enum fact_kind)kind);
    v->from[count] = NULL;
}

int veneer_make(struct journal *journal, struct frame *frame, struct error *err)
{
    struct veneer v = {.frame = frame, .journal = journal, .sha = sha256_new()};
    int rc = v.sha ? gather(&v, err) : error_system(err, ENOMEM, "the veneer");

    for (size_t i = 0; i < sizeof renderers / sizeof *renderers && rc == 0; i++) {
        choose_from(&v, renderers[i].from);
        rc = renderers[i].render(&v, err);
    }
    if (rc == 0)
        rc = veneer_left_out(&v, "made", "there are too many made files, or it is too large", v.files_left_out, err);
    if (rc == 0)
        rc = note_veneer(&frame->features, VENEER_VERSION, err);
    sha256_free(v.sha);
    accounts_free(&v.accounts);
    facts_free(&v.facts);
    numbering_free(&v.processes);
    numbering_free(&v.metrics);
    numbering_free(&v.connections);
    buffer_free(&v.text);
    return rc;
}

/* --- The version -------------------------------------------------------------------------------------------------- */

struct finding {
    uint64_t version;
    bool found;
};

static int take_version(void *arg, const struct feature *feature)
{
    struct json json;
    struct json_span what, number;
    struct finding *finding = arg;

    if (feature->key_size > 0)
        return 1; /* notes on the whole frame come first */
    json_begin(&json, feature->value, feature->value_size);
    if (json_find(&what, &json, "what") != 1 || what.size != sizeof NOTE_VENEER + 1 ||
        memcmp(what.text + 1, NOTE_VENEER, sizeof NOTE_VENEER - 1) != 0)
        return 0;
    json_begin(&json, feature->value, feature->value_size);
    finding->found =
        json_find(&number, &json, "version") == 1 && file_number_parse(&finding->version, number.text, number.size);
    return finding->found;
}

int veneer_version(uint64_t *version, struct store *store, int64_t features, struct error *err)
{
    struct finding finding = {0};
    int rc = features_visit(store, features, FEATURE_NOTE, take_version, &finding, err);

    *version = finding.version;
    return rc < 0 ? rc : finding.found ? 0 : -ENOENT;
}
