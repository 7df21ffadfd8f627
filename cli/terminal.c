/* terminal.c - see terminal.h. */
#include "cli/terminal.h"

#include "base/buffer.h"
#include "base/quote.h"
#include "base/timestamp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROGRESS_INTERVAL (NANOSECONDS / 10)
#define PROGRESS_WIDTH_MAX 250 /* columns */

static bool progress_shown;

bool output_is_terminal(void)
{
    static int is_terminal = -1;

    if (is_terminal < 0)
        is_terminal = isatty(STDOUT_FILENO);
    return is_terminal;
}

bool terminal_is_dumb(void)
{
    const char *term = getenv("TERM");

    return !term || !*term || strcmp(term, "dumb") == 0;
}

const char *colour(enum colour wanted)
{
    static const char *const sequences[] = {
        [COLOUR_NONE] = "\033[0m",   [COLOUR_DIM] = "\033[2m",     [COLOUR_RED] = "\033[31m",
        [COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m", [COLOUR_BLUE] = "\033[34m",
        [COLOUR_CYAN] = "\033[36m",  [COLOUR_BOLD] = "\033[1m",
    };
    static int enabled = -1;

    if (enabled < 0)
        enabled = output_is_terminal() && !terminal_is_dumb() && !getenv("NO_COLOR");
    return enabled ? sequences[wanted] : "";
}

void print_text(const void *bytes, size_t size)
{
    struct buffer text cleanup_buffer = {0};

    quote_text(&text, bytes, size);
    fwrite(text.bytes, 1, text.size, stdout);
}

void print_json_lines(const void *lines, size_t size)
{
    struct buffer text cleanup_buffer = {0};

    if (output_is_terminal()) {
        quote_json_shown(&text, lines, size);
        lines = text.bytes;
        size = text.size;
    }
    fwrite(lines, 1, size, stdout);
}

bool progress_enabled(void)
{
    static int enabled = -1;

    if (enabled < 0)
        enabled = isatty(STDERR_FILENO) && !terminal_is_dumb();
    return enabled;
}

bool progress_due(void)
{
    static uint64_t last;
    uint64_t now = timestamp_now();

    if (!progress_enabled() || now - last < PROGRESS_INTERVAL)
        return false;
    last = now;
    return true;
}

/* One less than there are, for some terminals go to the next line behind the last column. */
static size_t columns(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
        return 79;
    return size.ws_col <= PROGRESS_WIDTH_MAX ? size.ws_col - 1u : PROGRESS_WIDTH_MAX;
}

/* Where so many columns of UTF-8 end, each character taken as one. */
static size_t cut_columns(const char *text, size_t count)
{
    size_t at = 0;

    for (; text[at]; at++)
        if ((text[at] & 0xc0) != 0x80 && count-- == 0)
            break;
    return at;
}

void progress_show(const char *format, ...)
{
    char line[4 * PROGRESS_WIDTH_MAX + 1];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "\r%.*s\033[K", (int)cut_columns(line, columns()), line);
    progress_shown = true;
}

void progress_clear(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}

void size_format(char out[SIZE_TEXT_SIZE], uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        unit++;
    }
    snprintf(out, SIZE_TEXT_SIZE, unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
