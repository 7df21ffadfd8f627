/* import_line.c - what does not fit into the terminal's width comes last. */
#include "cli/import_line.h"

#include "base/quote.h"
#include "base/timestamp.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>

void import_line_begin(struct import_line *line, const struct store *store, const char *name)
{
    struct buffer text cleanup_buffer = {0};

    line->tally = blob_tally(store);
    line->before = *line->tally;
    line->part = 0;
    line->began = timestamp_now();
    quote_text(&text, name, strnlen(name, IMPORT_LINE_NAME_MAX)); /* it grows to four times that */
    snprintf(line->name, sizeof line->name, "%.*s", (int)text.size, text.size ? (const char *)text.bytes : "");
}

/* "44% of 280 MB", or "123 MB" where nobody knows the whole. */
static void format_bytes(char *out, size_t room, const struct import_progress *progress)
{
    char size[SIZE_TEXT_SIZE];

    size_format(size, progress->size ? progress->size : progress->bytes);
    if (progress->size)
        snprintf(out, room, "%.0f%% of %s", 100.0 * (double)progress->bytes / (double)progress->size, size);
    else
        snprintf(out, room, "%s", size);
}

/* "210 MB/s", and ", 1:05 left" where that can be told. */
static void format_speed(char *out, size_t room, const struct import_progress *progress, uint64_t elapsed)
{
    double rate = (double)progress->bytes * (double)NANOSECONDS / ((double)elapsed + 1);
    char size[SIZE_TEXT_SIZE];

    size_format(size, (uint64_t)rate);
    int written = snprintf(out, room, "%s/s", size);
    if (progress->size <= progress->bytes || rate < 1)
        return;
    unsigned long long left = (unsigned long long)((double)(progress->size - progress->bytes) / rate + 0.5);
    snprintf(out + written, room - (size_t)written, ", %llu:%02llu left", left / 60, left % 60);
}

void import_line_show(struct import_line *line, const struct import_progress *progress)
{
    char bytes[64], speed[64], part[40] = "", added[SIZE_TEXT_SIZE], known[SIZE_TEXT_SIZE];
    uint64_t now = timestamp_now();

    if (progress->part != line->part) {
        line->part = progress->part;
        line->began = now;
    }
    if (!progress_due())
        return;
    format_bytes(bytes, sizeof bytes, progress);
    format_speed(speed, sizeof speed, progress, now - line->began);
    if (progress->part)
        snprintf(part, sizeof part, "layer %u/%u ", progress->part, progress->parts);
    size_format(added, line->tally->added_bytes - line->before.added_bytes);
    size_format(known, line->tally->known_bytes - line->before.known_bytes);
    progress_show("%s%s, %llu %s, %s; %llu new (%s), %llu known (%s)  %s", part, bytes,
                  (unsigned long long)progress->records, line->units, speed,
                  (unsigned long long)(line->tally->added - line->before.added), added,
                  (unsigned long long)(line->tally->known - line->before.known), known, line->name);
}
