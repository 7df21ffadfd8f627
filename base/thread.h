/* thread.h - threads that work for another one. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Start one that takes no signals: those are the main thread's. Tools show it by its name, of 15 bytes at most. 0, or an
 * errno as pthread_create() gives it. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *arg), void *arg);

#endif
