/* log.h - what a server tells its operator: events of named fields, one line each, on standard error.
 *
 *     log_event("mount", "peer", peer, "path", path, NULL);
 *
 * As text:  2026-01-02T03:04:05Z mount peer=10.0.0.7 path=/snap/…        (values quoted where they hold a space)
 * As JSON:  {"time":"…","event":"mount","peer":"10.0.0.7","path":"/snap/…"}
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_form {
    LOG_TEXT,
    LOG_JSON,
};

/* Before the first thread starts. */
void log_set_form(enum log_form form);

/* Pairs of field name and text, ended by NULL. Thread-safe: a line is one write(2), at most LOG_LINE_MAX bytes. */
void log_event(const char *event, ...) __attribute__((sentinel));

#endif
