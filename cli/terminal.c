/* terminal.c - see terminal.h. */
#include "cli/terminal.h"

#include "base/buffer.h"
#include "base/quote.h"
#include "base/timestamp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRESS_INTERVAL (NANOSECONDS / 10)
#define PROGRESS_WIDTH 78

static bool progress_shown;

const char *colour(enum colour wanted)
{
    static const char *const sequences[] = {
        [COLOUR_NONE] = "\033[0m",   [COLOUR_DIM] = "\033[2m",     [COLOUR_RED] = "\033[31m",
        [COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m", [COLOUR_BLUE] = "\033[34m",
        [COLOUR_CYAN] = "\033[36m",  [COLOUR_BOLD] = "\033[1m",
    };
    static int enabled = -1;

    if (enabled < 0)
        enabled = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    return enabled ? sequences[wanted] : "";
}

void print_text(const void *bytes, size_t size)
{
    struct buffer text cleanup_buffer = {0};

    quote_text(&text, bytes, size);
    fwrite(text.bytes, 1, text.size, stdout);
}

void progress_show(const char *format, ...)
{
    static int enabled = -1;
    static uint64_t last;
    uint64_t now = timestamp_now();
    va_list args;

    if (enabled < 0)
        enabled = isatty(STDERR_FILENO);
    if (!enabled || now - last < PROGRESS_INTERVAL)
        return;
    last = now;
    char line[PROGRESS_WIDTH + 1];
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "\r%-*s", PROGRESS_WIDTH, line);
    progress_shown = true;
}

void progress_clear(void)
{
    if (progress_shown)
        fprintf(stderr, "\r%*s\r", PROGRESS_WIDTH, "");
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
