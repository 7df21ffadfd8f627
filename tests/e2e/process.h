/* process.h - running the confuse that was built, as a person or a script would, and ending it as an accident would.
 *
 * $CONFUSE says which one it is. What a process prints goes to files, so that it is there after a kill, too.
 */
#ifndef TESTS_E2E_PROCESS_H
#define TESTS_E2E_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* A directory for the test, removed when the test ends well; returns its path. */
const char *process_scratch(void);

/* "DIRECTORY/name" of the scratch directory; the caller frees it. */
char *process_path(const char *name);

/* Start `confuse ARGUMENTS…` (the list ends with NULL). Its standard output goes to the file NAME.out of the scratch
 * directory, standard error to NAME.err. */
pid_t process_start(const char *name, const char *const *arguments);

/* Wait; returns the exit code, or 128 + the signal that ended it. */
int process_wait(pid_t pid);

/* Both at once, output to "run". */
int process_run(const char *const *arguments);

/* What NAME printed ("out" or "err"); the caller frees it. */
char *process_output(const char *name, const char *which);

/* Show a message, what "run" had to say, the seed and where everything is; then exit with 1. */
void process_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Remove a directory of the scratch directory and all in it; with NULL, the scratch directory itself. */
void process_remove(const char *name);

/* Pseudo-random numbers (xorshift64*), the same in each run unless $CONFUSE_SEED is set. */
unsigned long process_random(unsigned long below);

/* $NAME as a number, or what is expected otherwise. */
unsigned long process_setting(const char *name, unsigned long otherwise);

double process_seconds(void); /* monotonic */
void process_sleep(double seconds);

#endif
