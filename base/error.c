/* error.c - filling error objects; see error.h for the convention. */
#include "base/error.h"

#include "base/quote.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names come from hostile input; on a terminal some characters do more than tell. */
static void make_printable(char *text)
{
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        length = quote_shown((const uint8_t *)text, left);
        if (length == 0) {
            *text = '?';
            length = 1;
        }
    }
}

__attribute__((format(printf, 3, 0))) static void fill(struct error *err, enum exit_code code, const char *format,
                                                       va_list args)
{
    err->code = code;
    vsnprintf(err->text, sizeof err->text, format, args);
    make_printable(err->text);
}

int error_input(struct error *err, const char *format, ...)
{
    va_list args;

    if (err) {
        va_start(args, format);
        fill(err, EXIT_INPUT, format, args);
        va_end(args);
    }
    return -EBADMSG;
}

int error_negative(struct error *err, const char *format, ...)
{
    va_list args;

    if (err) {
        va_start(args, format);
        fill(err, EXIT_NEGATIVE, format, args);
        va_end(args);
    }
    return -ENODATA;
}

int error_usage(struct error *err, const char *format, ...)
{
    va_list args;

    if (err) {
        va_start(args, format);
        fill(err, EXIT_USAGE, format, args);
        va_end(args);
    }
    return -EINVAL;
}

int error_system(struct error *err, int errnum, const char *format, ...)
{
    va_list args;

    if (err) {
        va_start(args, format);
        fill(err, EXIT_SYSTEM, format, args);
        va_end(args);
        size_t used = strlen(err->text);
        snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(errnum));
    }
    return -errnum;
}

int error_refused(struct error *err, int errnum, const char *format, ...)
{
    va_list args;

    if (err) {
        va_start(args, format);
        fill(err, EXIT_SYSTEM, format, args);
        va_end(args);
    }
    return -errnum;
}
