/* scan_report.c - what is known of the contents, told per snapshot and path: as a table, as JSON lines, or as
 * SARIF 2.1.0 (OASIS, 2020).
 *
 * Only distinct contents were kept, so each snapshot is walked once more; nothing is held of it.
 */
#include "base/jsonl.h"
#include "base/quote.h"
#include "cli/scan.h"
#include "cli/scan_place.h"
#include "cli/terminal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SARIF_SCHEMA "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
#define RULE_UNKNOWN "not-scanned"

struct report {
    const struct scan *scan;
    const char *id; /* of the snapshot that is told of */
    bool all;
    void (*tell)(struct report *report, const struct scan_file *file, const struct scan_item *item);
    struct buffer line;
    bool told; /* something, before */
    bool failed;
};

static const struct {
    const char *word, *level; /* of SARIF */
    enum colour colour;
} STATES[] = {
    [SCAN_UNKNOWN] = {"unknown", "warning", COLOUR_YELLOW}, [SCAN_CLEAN] = {"clean", "none", COLOUR_GREEN},
    [SCAN_FOUND] = {"found", "error", COLOUR_RED},          [SCAN_INVENTORY] = {"inventory", "none", COLOUR_GREEN},
    [SCAN_FAILED] = {"unknown", "warning", COLOUR_YELLOW},
};

/* The next finding of an item (or why there is none); false: there are no more. */
static bool next_text(const char **text, size_t *size, const char **at)
{
    if (!*at || !**at)
        return false;
    *text = *at;
    *size = strcspn(*at, "\n");
    *at += *size + ((*at)[*size] == '\n');
    return true;
}

static void put_line(struct report *report)
{
    report->failed |= report->line.failed;
    print_json_lines(report->line.bytes, report->line.size);
    buffer_clear(&report->line);
}

/* --- For people --------------------------------------------------------------------------------------------------- */

static void tell_table(struct report *report, const struct scan_file *file, const struct scan_item *item)
{
    const char *at = item->text, *text;
    size_t size;

    printf("%.8s  %s%-9s%s  ", report->id, colour(STATES[item->state].colour), STATES[item->state].word,
           colour(COLOUR_NONE));
    print_text(file->path, file->path_size);
    for (const char *before = "  "; next_text(&text, &size, &at); before = ", ") {
        fputs(before, stdout);
        print_text(text, size);
    }
    putchar('\n');
}

/* --- For scripts -------------------------------------------------------------------------------------------------- */

static void add_findings(struct buffer *line, const struct scan_item *item)
{
    struct buffer array cleanup_buffer = {0};
    const char *at = item->text, *text;
    size_t size;

    buffer_add_byte(&array, '[');
    while (next_text(&text, &size, &at)) {
        if (array.size > 1)
            buffer_add_byte(&array, ',');
        quote_json(&array, text, size);
    }
    buffer_add_byte(&array, ']');
    line->failed |= array.failed;
    jsonl_raw(line, "findings", array.bytes, array.size);
}

static void tell_json(struct report *report, const struct scan_file *file, const struct scan_item *item)
{
    struct buffer *line = &report->line;

    jsonl_begin(line);
    jsonl_string(line, "id", report->id);
    jsonl_text(line, "path", file->path, file->path_size);
    jsonl_string(line, "verdict", STATES[item->state].word);
    if (item->state == SCAN_FOUND)
        add_findings(line, item);
    if (item->state == SCAN_FAILED)
        jsonl_string(line, "why", item->text ? item->text : "");
    jsonl_hex(line, "sha256", item->content.bytes, DIGEST_SIZE);
    jsonl_end(line);
    put_line(report);
}

/* --- SARIF -------------------------------------------------------------------------------------------------------- */

/* A string of valid UTF-8, whatever the bytes. */
static void add_printable(struct buffer *out, const void *bytes, size_t size)
{
    struct buffer text cleanup_buffer = {0};

    quote_text(&text, bytes, size);
    quote_json(out, text.bytes, text.size);
}

/* RFC 3986, 2.3: what is not unreserved is %XX; '/' stays. */
static void add_uri(struct buffer *out, const struct report *report, const struct scan_file *file)
{
    buffer_add_format(out, "\"confuse:/snap/%s", report->id);
    for (size_t i = 0; i < file->path_size; i++) {
        unsigned char byte = (unsigned char)file->path[i];
        if (byte < 0x80 && (isalnum(byte) || strchr("-._~/", byte)))
            buffer_add_byte(out, byte);
        else
            buffer_add_format(out, "%%%02X", byte);
    }
    buffer_add_byte(out, '"');
}

static void add_result(struct report *report, const struct scan_file *file, const struct scan_item *item,
                       const char *rule, const char *text, size_t size)
{
    struct buffer *out = &report->line;
    char hex[DIGEST_HEX_SIZE];

    hex_encode(hex, item->content.bytes, DIGEST_SIZE);
    buffer_add_text(out, report->told ? ",\n{\"ruleId\":" : "\n{\"ruleId\":");
    if (rule)
        buffer_add_format(out, "\"%s\"", rule);
    else
        add_printable(out, text, size);
    buffer_add_format(out, ",\"kind\":\"%s\",\"level\":\"%s\",\"message\":{\"text\":",
                      item->state == SCAN_FOUND || item->state == SCAN_FAILED ? "fail" : "pass",
                      STATES[item->state].level);
    add_printable(out, text, size);
    buffer_add_text(out, "},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":");
    add_uri(out, report, file);
    buffer_add_format(out, "}}}],\"fingerprints\":{\"sha256/v1\":\"%s\"}}", hex);
    report->told = true;
    put_line(report);
}

static void tell_sarif(struct report *report, const struct scan_file *file, const struct scan_item *item)
{
    const char *at = item->text, *text, *rule = item->state == SCAN_FOUND ? NULL : STATES[item->state].word;
    size_t size;

    if (item->state == SCAN_FAILED)
        rule = RULE_UNKNOWN;
    if (!at || !*at)
        add_result(report, file, item, STATES[item->state].word, STATES[item->state].word,
                   strlen(STATES[item->state].word));
    while (next_text(&text, &size, &at))
        add_result(report, file, item, rule, text, size);
}

static void begin_sarif(struct report *report)
{
    const struct scan_scanner *scanner = report->scan->scanner;
    struct buffer *out = &report->line;

    buffer_add_text(out, "{\"$schema\":\"" SARIF_SCHEMA "\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{");
    buffer_add_text(out, "\"name\":");
    add_printable(out, scanner->name, strlen(scanner->name));
    buffer_add_text(out, ",\"version\":");
    add_printable(out, scanner->version, strlen(scanner->version));
    buffer_add_format(out, ",\"properties\":{\"scannerKey\":\"%s\"}}},\"results\":[", scanner->key);
    put_line(report);
}

static void end_sarif(struct report *report)
{
    struct scan_tally tally;

    scan_count(&tally, &report->scan->items);
    buffer_add_format(&report->line,
                      "\n],\"columnKind\":\"unicodeCodePoints\",\"invocations\":[{\"executionSuccessful\":%s}]}]}\n",
                      tally.failed ? "false" : "true");
    put_line(report);
}

/* ------------------------------------------------------------------------------------------------------------------ */

static void no_frame(struct report *report)
{
    (void)report;
}

static const struct {
    void (*begin)(struct report *report);
    void (*tell)(struct report *report, const struct scan_file *file, const struct scan_item *item);
    void (*end)(struct report *report);
} FORMS[] = {
    [SCAN_TABLE] = {no_frame, tell_table, no_frame},
    [SCAN_JSON] = {no_frame, tell_json, no_frame},
    [SCAN_SARIF] = {begin_sarif, tell_sarif, end_sarif},
};

static int take_file(void *arg, const struct scan_file *file)
{
    struct report *report = arg;
    const struct scan_item *item =
        file->absent ? NULL : scan_items_find(&report->scan->items, report->scan->scanner->kind, file);

    if (item && (report->all || item->state == SCAN_FOUND || item->state == SCAN_FAILED))
        report->tell(report, file, item);
    return report->failed || ferror(stdout) ? -EIO : 0;
}

int scan_report(const struct scan *scan, struct scan_place *place, enum scan_form form, bool all, struct error *err)
{
    struct report report = {.scan = scan, .all = all, .tell = FORMS[form].tell};
    struct scan_tally tally;
    int result = 0;

    scan_count(&tally, &scan->items);
    FORMS[form].begin(&report);
    for (size_t i = 0; i < scan->id_count && result == 0 && (all || tally.found || tally.failed); i++) {
        report.id = scan->ids[i];
        result = scan->way->visit(place, report.id, take_file, &report, err);
    }
    if (result == 0)
        FORMS[form].end(&report);
    buffer_free(&report.line);
    return report.failed ? error_system(err, ENOMEM, "cannot tell what was found") : result;
}
