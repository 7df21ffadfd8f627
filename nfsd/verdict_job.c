/* verdict_job.c - what each job of the scan cache's writer does, in its transaction. */
#include "nfsd/verdict_draft.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The file of a row as it is now: its draft, or what is stored. */
static int current(struct verdict_file *file, struct verdict_writer *writer, int64_t row, struct error *err)
{
    const struct draft *draft = draft_of(writer, row);
    int result = verdict_find(file, writer->verdicts, row, err);

    if (result == 0 && draft)
        *file = draft->file;
    return result;
}

/* The file that the job's handle names. */
static int named(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    int result = current(&job->result.before, writer, job->row, err);

    if (result == -ENOENT || (result == 0 && memcmp(job->result.before.id, job->id, sizeof job->id) != 0))
        return -ESTALE;
    return result;
}

/* The directory of a name: stale, when it is gone. */
static int above(struct verdict_file *file, struct verdict_writer *writer, int64_t row, struct error *err)
{
    int result = verdict_find(file, writer->verdicts, row, err);

    return result == -ENOENT ? -ESTALE : result;
}

static int store(struct verdict_writer *writer, struct verdict_file *file, const uint8_t *bytes, size_t size,
                 struct error *err)
{
    struct draft *draft = draft_of(writer, file->row);
    int result = verdict_write(file, writer->verdicts, bytes, size, err);

    if (result == 0 && draft)
        draft->settled = true;
    return result;
}

/* All bytes of a file, in the scratch buffer; zeros behind them. */
static int load(struct verdict_writer *writer, const struct verdict_file *file, struct error *err)
{
    struct draft *draft = draft_of(writer, file->row);
    size_t size = (size_t)file->size, read = size;
    int result = 0;

    if (draft)
        memcpy(writer->scratch, draft->bytes, size);
    else
        result = verdict_read(writer->scratch, &read, writer->verdicts, file->row, 0, size, err);
    if (result == 0)
        memset(writer->scratch + read, 0, VERDICT_SIZE_MAX - read);
    return result;
}

/* Give *file what a SETATTR or CREATE asks for. */
static int apply(struct verdict_writer *writer, struct verdict_file *file, const struct verdict_change *change,
                 struct error *err)
{
    if (change->size && !S_ISREG(file->mode))
        return -EISDIR;
    if (change->size && change->to.size > VERDICT_SIZE_MAX)
        return -EFBIG;
    bool whole = change->size || draft_of(writer, file->row);
    int result = whole ? load(writer, file, err) : 0;
    if (result < 0)
        return result;
    verdict_touch(file, writer->verdicts, change->mtime_now || change->size);
    if (change->mode)
        file->mode = (file->mode & S_IFMT) | (change->to.mode & 07777);
    if (change->uid)
        file->uid = change->to.uid;
    if (change->gid)
        file->gid = change->to.gid;
    if (change->mtime)
        file->mtime = change->to.mtime;
    if (change->size)
        file->size = change->to.size;
    return whole ? store(writer, file, writer->scratch, (size_t)file->size, err)
                 : verdict_set(file, writer->verdicts, err);
}

static bool changes_anything(const struct verdict_change *change)
{
    return change->mode || change->uid || change->gid || change->size || change->mtime_now || change->mtime;
}

/* --- Jobs --------------------------------------------------------------------------------------------------------- */

int verdict_job_create(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    bool made;
    int result = above(&out->above_before, writer, job->name.directory, err);

    if (result == 0)
        result = verdict_create(&out->file, &made, writer->verdicts, job->name.directory, job->name.name,
                                job->name.size, &job->as, err);
    if (result == 0 && !made) {
        const struct verdict_change cut = {.size = job->change.size, .to.size = job->change.to.size};

        result = current(&out->file, writer, out->file.row, err);
        if (result == 0 && cut.size)
            result = apply(writer, &out->file, &cut, err);
    } else if (result == 0 && changes_anything(&job->change)) {
        result = apply(writer, &out->file, &job->change, err);
    }
    return result < 0 ? result : above(&out->above, writer, job->name.directory, err);
}

int verdict_job_make_scanner(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    int result = above(&out->above_before, writer, VERDICTS_ROOT, err);

    if (result == 0)
        result = verdict_make_scanner(&out->file, writer->verdicts, job->name.name, job->name.size, &job->as, err);
    return result < 0 ? result : above(&out->above, writer, VERDICTS_ROOT, err);
}

int verdict_job_set(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    int result = named(writer, job, err);

    if (result < 0)
        return result;
    out->file = out->before;
    if (job->guarded && job->guard != out->before.ctime)
        return -EAGAIN;
    if (out->before.row == VERDICTS_ROOT)
        return -EACCES;
    return changes_anything(&job->change) ? apply(writer, &out->file, &job->change, err) : 0;
}

/* A WRITE that becomes a draft: 1; 0: it has no room. */
static int write_draft(struct verdict_writer *writer, struct verdict_job *job, const struct verdict_file *file)
{
    struct draft *draft = draft_of(writer, file->row);

    if (!draft)
        draft = draft_new(writer, &job->result.before);
    if (!draft || draft_put(draft, writer, job->offset, job->data, job->count) < 0)
        return 0;
    draft_set(draft, writer, file);
    return 1;
}

static int write_through(struct verdict_writer *writer, struct verdict_job *job, struct verdict_file *file,
                         struct error *err)
{
    if (job->offset == 0 && job->count == file->size)
        return store(writer, file, job->data, job->count, err);
    int result = load(writer, &job->result.before, err);
    if (result < 0)
        return result;
    memcpy(writer->scratch + job->offset, job->data, job->count);
    return store(writer, file, writer->scratch, (size_t)file->size, err);
}

int verdict_job_write(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    int result = named(writer, job, err);

    if (result < 0)
        return result;
    out->file = out->before;
    out->stable = job->stable;
    memcpy(out->verifier, writer->verifier, sizeof out->verifier);
    if (!S_ISREG(out->before.mode))
        return -EINVAL;
    if (job->offset > VERDICT_SIZE_MAX || job->count > VERDICT_SIZE_MAX - job->offset)
        return -EFBIG;
    if (job->count == 0)
        return 0;
    struct verdict_file file = out->before;
    if (job->offset + job->count > file.size)
        file.size = job->offset + job->count;
    verdict_touch(&file, writer->verdicts, true);
    if (!job->stable && write_draft(writer, job, &file) == 0)
        out->stable = true;
    if (out->stable)
        result = write_through(writer, job, &file, err);
    if (result == 0)
        out->file = file;
    return result;
}

int verdict_job_commit(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    int result = named(writer, job, err);

    if (result < 0)
        return result;
    out->file = out->before;
    memcpy(out->verifier, writer->verifier, sizeof out->verifier);
    struct draft *draft = draft_of(writer, job->row);
    return draft ? draft_write(draft, writer, err) : 0;
}

int verdict_job_remove(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    const struct verdict_name_at *at = &job->name;
    struct verdict_file file;
    int result = above(&out->above_before, writer, at->directory, err);

    if (result < 0)
        return result;
    int found = verdict_lookup(&file, writer->verdicts, at->directory, at->name, at->size, err);
    result = found < 0 ? found : verdict_remove(writer->verdicts, at->directory, at->name, at->size, err);
    struct draft *draft = result == 0 ? draft_of(writer, file.row) : NULL;
    if (draft)
        draft->settled = true;
    return result < 0 ? result : above(&out->above, writer, at->directory, err);
}

int verdict_job_remove_scanner(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    int result = above(&out->above_before, writer, VERDICTS_ROOT, err);

    if (result == 0)
        result = verdict_remove_scanner(writer->verdicts, job->name.name, job->name.size, err);
    return result < 0 ? result : above(&out->above, writer, VERDICTS_ROOT, err);
}

static struct draft *draft_named(struct verdict_writer *writer, const struct verdict_name_at *at)
{
    struct verdict_file file;

    return verdict_lookup(&file, writer->verdicts, at->directory, at->name, at->size, NULL) == 0
               ? draft_of(writer, file.row)
               : NULL;
}

/* What is renamed is published with all that was written to it; what it replaces goes, written or not. */
static int rename_drafts(struct verdict_writer *writer, const struct verdict_job *job, struct error *err)
{
    struct draft *moved = draft_named(writer, &job->name), *replaced = draft_named(writer, &job->to);
    int result = moved ? draft_write(moved, writer, err) : 0;

    if (result == 0)
        result = verdict_rename(writer->verdicts, &job->name, &job->to, err);
    if (result < 0 && moved)
        moved->settled = false;
    if (result == 0 && replaced)
        replaced->settled = true;
    return result;
}

int verdict_job_rename(struct verdict_writer *writer, struct verdict_job *job, struct error *err)
{
    struct verdict_result *out = &job->result;
    int result = above(&out->above_before, writer, job->name.directory, err);

    if (result == 0)
        result = above(&out->to_before, writer, job->to.directory, err);
    if (result == 0)
        result = rename_drafts(writer, job, err);
    if (result == 0)
        result = above(&out->above, writer, job->name.directory, err);
    return result < 0 ? result : above(&out->to_above, writer, job->to.directory, err);
}
