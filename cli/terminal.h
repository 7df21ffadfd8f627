/* terminal.h - what people see and scripts do not: colour, and progress that rewrites its line. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum colour {
    COLOUR_NONE,
    COLOUR_DIM,
    COLOUR_RED,
    COLOUR_GREEN,
    COLOUR_YELLOW,
    COLOUR_BLUE,
    COLOUR_CYAN,
    COLOUR_BOLD,
};

/* Does $TERM say that the terminal takes no escape sequences? */
bool terminal_is_dumb(void);

/* Is standard output a terminal? Who asked before a pager stood between gets the same answer after that. */
bool output_is_terminal(void);

/* The escape sequence that begins a colour on standard output; "" where that is no terminal, or a dumb one, or
 * $NO_COLOR is set. */
const char *colour(enum colour colour);

/* Write bytes of any origin to standard output, control characters shown as \xXX. */
void print_text(const void *bytes, size_t size);

/* Write a line of JSON, or some, to standard output; on a terminal control characters are escaped, too. */
void print_json_lines(const void *lines, size_t size);

/* Is progress shown at all? On standard error, where that is a terminal, and no dumb one. */
bool progress_enabled(void);

/* Is it time to? At most 10 times a second; asking counts. */
bool progress_due(void);

/* Rewrite the line, as much of it as there are columns. Only where progress_due() said so. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Take the progress line away. */
void progress_clear(void);

/* "4.2 MB" */
#define SIZE_TEXT_SIZE 16
void size_format(char out[SIZE_TEXT_SIZE], uint64_t bytes);

#endif
