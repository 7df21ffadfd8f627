/* verdicts.h - "/cache": scanners' directories and the verdicts in them, as a worker reads them. Who writes is
 * verdict_writer.h's thread; what "/" itself shows of it, for virtual.c.
 *
 * Each worker remembers files and names, in direct-mapped tables, until their generation has moved (verdict_writer.h):
 * so what one call was answered every later one sees, whichever worker takes it. What other processes write to the
 * cache
 * (`confuse scan --store`) shows when the worker looks for changes of the store, WORKER_LOOK_MS later.
 */
#ifndef NFSD_VERDICTS_H
#define NFSD_VERDICTS_H

#include "base/error.h"
#include "db/verdicts.h"

#include <stdbool.h>
#include <stdint.h>

struct nfsd_app;
struct nfsd_worker;
struct object;
struct space;
struct verdict_reader;

int verdict_reader_new(struct verdict_reader **reader, const struct nfsd_app *app, struct error *err);
void verdict_reader_free(struct verdict_reader *reader);

/* Forget what another process may have changed. */
void verdict_reader_look(struct nfsd_worker *worker);

/* "/cache" itself. */
int verdicts_root(struct object *object, struct nfsd_worker *worker);

/* Its quota, and what the disk leaves of that. */
int verdicts_space(struct space *space, struct nfsd_worker *worker, const struct object *object);

/* The object of a file. */
void verdict_object(struct object *object, const struct nfsd_worker *worker, const struct verdict_file *file);

#endif
