/* error.h - the one convention for things that fail.
 *
 * A function that can fail returns 0 (or a count) on success and a negative errno otherwise; where a person will read
 * the reason it also fills the error object that its caller gave. On success the object is left alone. Making an error
 * and returning it is one line:
 *
 *     if (n < 2)
 *         return error_input(err, "%s:%u: %s", file, line, "two fields are needed");
 *
 * The class of an error is the exit code that the command line ends with.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* Exit codes of `confuse`, stable for scripts. */
enum exit_code {
    EXIT_DONE = 0,     /* done */
    EXIT_NEGATIVE = 1, /* a negative answer: differences found, gate refused */
    EXIT_USAGE = 2,    /* the command line makes no sense */
    EXIT_INPUT = 3,    /* what was to be read is bad: a frame, a name, an id */
    EXIT_SYSTEM = 4,   /* the store or the system failed */
};

/* A path of PATH_MAX and a sentence fit. */
#define ERROR_TEXT_MAX 4608

struct error {
    enum exit_code code;
    char text[ERROR_TEXT_MAX]; /* one line, without a newline */
};

/* Fill *err (which may be NULL) and return -EBADMSG: what the outside gave us is bad. */
int error_input(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fill *err (which may be NULL) and return -ENODATA: nothing is wrong, but the answer is no. */
int error_negative(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fill *err (which may be NULL) and return -EINVAL: the caller's command line makes no sense. */
int error_usage(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fill *err (which may be NULL) with the text and ": strerror(errnum)", and return -errnum. */
int error_system(struct error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same where the text says it all: the number is for the program only. */
int error_refused(struct error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
