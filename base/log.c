/* log.c - one event, one line, one write. */
#include "base/log.h"

#include "base/buffer.h"
#include "base/quote.h"
#include "base/timestamp.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 8192 }; /* bytes; what does not fit is cut off */

static enum log_form form = LOG_TEXT;

struct line {
    size_t used;
    char text[LOG_LINE_MAX];
};

static void add_char(struct line *line, char c)
{
    if (line->used < sizeof line->text - 2) /* room for the closing brace and the newline */
        line->text[line->used++] = c;
}

static void add_text(struct line *line, const char *text)
{
    while (*text)
        add_char(line, *text++);
}

/* Quoted as JSON has it, whatever the bytes: they may be anybody's, and the log may be read in a terminal. */
static void add_quoted(struct line *line, const char *text)
{
    cleanup_buffer struct buffer quoted = {0}, shown = {0};

    quote_json(&quoted, text, strlen(text));
    quote_json_shown(&shown, quoted.bytes, quoted.size);
    for (size_t i = 0; i < shown.size && !shown.failed; i++)
        add_char(line, (char)shown.bytes[i]);
}

static void add_value(struct line *line, const char *text)
{
    size_t plain = strcspn(text, " \"\\\t\r\n=");
    bool printable = *text != '\0' && text[plain] == '\0';

    for (const char *p = text; printable && *p; p++)
        printable = (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f;
    if (printable)
        add_text(line, text);
    else
        add_quoted(line, text);
}

void log_set_form(enum log_form wanted)
{
    form = wanted;
}

void log_event(const char *event, ...)
{
    struct line line = {0};
    char time[TIMESTAMP_TEXT_SIZE];
    va_list args;
    const char *name;

    timestamp_format(time, timestamp_now() / NANOSECONDS * NANOSECONDS);
    add_text(&line, form == LOG_JSON ? "{\"time\":\"" : "");
    add_text(&line, time);
    add_text(&line, form == LOG_JSON ? "\",\"event\":" : " ");
    (form == LOG_JSON ? add_quoted : add_text)(&line, event);
    va_start(args, event);
    while ((name = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);

        if (form == LOG_JSON) {
            add_char(&line, ',');
            add_quoted(&line, name);
            add_char(&line, ':');
            add_quoted(&line, value);
        } else {
            add_char(&line, ' ');
            add_text(&line, name);
            add_char(&line, '=');
            add_value(&line, value);
        }
    }
    va_end(args);
    if (form == LOG_JSON)
        line.text[line.used++] = '}';
    line.text[line.used++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line.text, line.used);
    (void)ignored;
}
