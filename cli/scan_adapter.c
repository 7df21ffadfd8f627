/* scan_adapter.c - see scan_adapter.h.
 *
 * Names of captured files are the captured system's to choose. So lines are found by the whole path that we gave, and
 * files with names that could be taken for a part of a line are not given beside others.
 */
#include "cli/scan_adapter.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void scan_finding_add(struct buffer *findings, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < size && i < SCAN_FINDING_SIZE_MAX; i++)
        buffer_add_byte(findings, at[i] == '\n' || at[i] == '\0' ? '?' : at[i]);
    buffer_add_byte(findings, '\n');
}

static void add_finding(struct scan_judgement *file, const char *text, size_t size)
{
    file->state = SCAN_FOUND;
    if (++file->finding_count > SCAN_FINDINGS_MAX)
        return;
    if (file->finding_count == SCAN_FINDINGS_MAX) {
        buffer_add_text(&file->findings, "and more\n");
        return;
    }
    scan_finding_add(&file->findings, text, size);
}

/* Not NULL. */
static const char *text_of(const struct buffer *said)
{
    return said->size ? (const char *)said->bytes : "";
}

/* --- By the exit status ------------------------------------------------------------------------------------------- */

static void judge_exit(struct scan_judgement *files, size_t count, const struct scan_process *process,
                       int findings_exit)
{
    char text[32];

    if (process->status == 0)
        for (size_t i = 0; i < count; i++)
            files[i].state = SCAN_CLEAN;
    /* Of many: which one it was for, nobody knows. */
    if (count != 1)
        return;
    buffer_add(&files->output, process->output.bytes, process->output.size);
    if (process->status != findings_exit)
        return;
    const char *said = text_of(&process->output);
    const char *end = memchr(said, '\n', process->output.size);
    size_t size = end ? (size_t)(end - said) : process->output.size;
    if (size)
        return add_finding(files, said, size);
    snprintf(text, sizeof text, "exit status %d", findings_exit);
    add_finding(files, text, strlen(text));
}

/* --- clamscan: "PATH: OK", "PATH: NAME FOUND", "PATH: Empty file", "PATH: … ERROR" -------------------------------- */

static bool ends_with(const char *text, size_t size, const char *end)
{
    return size >= strlen(end) && memcmp(text + size - strlen(end), end, strlen(end)) == 0;
}

static void judge_clamscan_line(struct scan_judgement *file, const char *text, size_t size)
{
    static const char *const CLEAN[] = {"OK", "Empty file"};
    const char *found = " FOUND";

    if (ends_with(text, size, found)) {
        add_finding(file, text, size - strlen(found));
        return;
    }
    for (size_t i = 0; i < sizeof CLEAN / sizeof *CLEAN; i++)
        if (file->state == SCAN_UNKNOWN && size == strlen(CLEAN[i]) && memcmp(text, CLEAN[i], size) == 0)
            file->state = SCAN_CLEAN;
}

/* The next line that begins with PATH and ": "; *line is what follows, NULL: there is none. */
static const char *find_line(const char **line, size_t *size, const char *from, const char *start, const char *end,
                             const char *path)
{
    size_t path_size = strlen(path);

    for (const char *at; from < end && (at = memmem(from, (size_t)(end - from), path, path_size)); from = at + 1) {
        const char *text = at + path_size;
        if ((at > start && at[-1] != '\n') || end - text < 2 || text[0] != ':' || text[1] != ' ')
            continue;
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        *line = text + 2;
        *size = (size_t)(stop - *line);
        return stop;
    }
    *line = NULL;
    return end;
}

static void judge_clamscan(struct scan_judgement *files, size_t count, const struct scan_process *process,
                           int findings_exit)
{
    const char *start = text_of(&process->output), *end = start + process->output.size, *line;
    size_t size;

    (void)findings_exit;
    /* 2: something could not be scanned, of which the lines tell. */
    if (process->status < 0 || process->status > 2)
        return;
    for (size_t i = 0; i < count; i++)
        for (const char *at = start; at = find_line(&line, &size, at, start, end, files[i].path), line;) {
            buffer_add(&files[i].output, line, size);
            buffer_add_byte(&files[i].output, '\n');
            judge_clamscan_line(&files[i], line, size);
        }
}

/* --- yara: "RULE PATH" for each rule that matches, with -s followed by "0xOFFSET:…" ------------------------------- */

static size_t judge_yara_file(struct scan_judgement *file, const char *start, size_t size)
{
    size_t lines = 0, path_size = strlen(file->path);
    const char *end = start + size;

    for (const char *at = start; (at = memmem(at, (size_t)(end - at), file->path, path_size)); at += path_size) {
        const char *behind = at + path_size, *begin = at;
        if ((behind < end && *behind != '\n') || at == start || at[-1] != ' ')
            continue;
        while (begin > start && begin[-1] != '\n')
            begin--;
        const char *rule_end = memchr(begin, ' ', (size_t)(at - begin));
        if (!isalpha((unsigned char)*begin) && *begin != '_')
            continue;
        buffer_add(&file->output, begin, (size_t)(rule_end - begin));
        buffer_add_byte(&file->output, '\n');
        add_finding(file, begin, (size_t)(rule_end - begin));
        lines++;
    }
    return lines;
}

/* Lines, those about strings apart. */
static size_t count_yara_lines(const char *text, size_t size)
{
    size_t lines = 0;

    for (const char *at = text, *end = text + size, *stop; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        lines += stop > at && !(stop - at > 2 && memcmp(at, "0x", 2) == 0);
    }
    return lines;
}

static size_t newlines(const char *text)
{
    size_t count = 0;

    while ((text = strchr(text, '\n'))) {
        text++;
        count++;
    }
    return count;
}

/* With a list of files yara's exit status says nothing of those that it could not read. */
static bool yara_complains(const struct scan_process *process)
{
    return memmem(text_of(&process->errors), process->errors.size, "error", 5);
}

static void judge_yara(struct scan_judgement *files, size_t count, const struct scan_process *process,
                       int findings_exit)
{
    const char *text = text_of(&process->output);
    size_t expected = count_yara_lines(text, process->output.size), understood = 0;

    (void)findings_exit;
    if (process->status != 0 || yara_complains(process))
        return;
    for (size_t i = 0; i < count; i++)
        understood += judge_yara_file(&files[i], text, process->output.size) * (1 + newlines(files[i].path));
    for (size_t i = 0; i < count; i++)
        if (understood != expected)
            files[i].state = SCAN_UNKNOWN;
        else if (files[i].state == SCAN_UNKNOWN)
            files[i].state = SCAN_CLEAN;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct scan_adapter ADAPTERS[] = {
    {"exit", judge_exit},
    {"clamscan", judge_clamscan},
    {"yara", judge_yara},
};

const struct scan_adapter *scan_adapter_find(const char *name)
{
    for (size_t i = 0; i < sizeof ADAPTERS / sizeof *ADAPTERS; i++)
        if (strcmp(ADAPTERS[i].name, name) == 0)
            return &ADAPTERS[i];
    return NULL;
}

const struct scan_adapter *scan_adapter_for(const char *program)
{
    const char *slash = strrchr(program, '/');
    const struct scan_adapter *adapter = scan_adapter_find(slash ? slash + 1 : program);

    return adapter ? adapter : &ADAPTERS[0];
}

bool scan_adapter_plain(const char *path)
{
    for (; *path; path++)
        if ((unsigned char)*path < ' ' || *path == ':' || *path == 0x7f)
            return false;
    return true;
}
