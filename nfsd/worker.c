/* worker.c - a worker's beginning and end, and how it learns that the store has changed. */
#include "nfsd/worker.h"

#include "base/log.h"
#include "db/blob.h"
#include "nfsd/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now); /* a read of memory; exact to some milliseconds */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int nfsd_worker_begin(void **out, void *app_of_config, struct error *err)
{
    static const uint8_t no_id[HANDLE_ID_MAX];
    const struct nfsd_app *app = app_of_config;
    struct nfsd_worker *worker = calloc(1, sizeof *worker);
    bool changed;
    int result;

    if (!worker)
        return error_system(err, ENOMEM, "a worker");
    worker->app = app;
    result = store_open(&worker->store, app->store_directory, STORE_READ, err);
    if (result == 0)
        result = tree_reader_new(&worker->reader, worker->store, app->cache, err);
    if (result == 0)
        result = store_changed(&changed, worker->store, err); /* from here on changes count */
    if (result < 0) {
        nfsd_worker_end(worker);
        return result;
    }
    if (app->key)
        store_use_key(worker->store, app->key);
    worker->virtual_fsid = handle_fsid(store_key(worker->store), HANDLE_VIRTUAL, no_id);
    result = verdict_reader_new(&worker->verdicts, app, err);
    if (result < 0) {
        nfsd_worker_end(worker);
        return result;
    }
    worker->looked = now_ms();
    nfsd_worker_forget(worker);
    *out = worker;
    return 0;
}

void nfsd_worker_rest(void *worker_of_config)
{
    struct nfsd_worker *worker = worker_of_config;

    worker->awake = false;
    blob_rest(worker->store);
    tree_reader_rest(worker->reader);
}

bool nfsd_worker_tick(void *worker_of_config)
{
    struct nfsd_worker *worker = worker_of_config;

    return mappings_age(&worker->mappings);
}

void nfsd_worker_end(void *worker_of_config)
{
    struct nfsd_worker *worker = worker_of_config;

    verdict_reader_free(worker->verdicts);
    mappings_drop(&worker->mappings);
    feature_types_free(&worker->types);
    if (worker->reader)
        tree_reader_free(worker->reader);
    if (worker->store)
        store_close(worker->store);
    free(worker);
}

void nfsd_worker_forget(struct nfsd_worker *worker)
{
    served_trees_forget(&worker->trees);
    mappings_drop(&worker->mappings);
    for (size_t i = 0; i < VIRTUAL_COUNT; i++)
        worker->virtual_mtime[i] = UINT64_MAX;
}

void nfsd_worker_look(struct nfsd_worker *worker)
{
    bool changed = false;

    if (worker->awake)
        return;
    worker->awake = true;
    uint64_t now = now_ms();
    if (now - worker->looked < WORKER_LOOK_MS)
        return;
    worker->looked = now;
    verdict_reader_look(worker);
    if (store_changed(&changed, worker->store, &worker->err) < 0)
        nfsd_worker_report(worker);
    else if (changed)
        nfsd_worker_forget(worker);
}

void nfsd_worker_report(struct nfsd_worker *worker)
{
    uint64_t now = now_ms();

    if (worker->reported && now - worker->reported < WORKER_REPORT_MS)
        return;
    worker->reported = now;
    log_event("store-error", "reason", worker->err.text, NULL);
}

bool nfsd_worker_logs_mount(struct nfsd_worker *worker)
{
    uint64_t second = now_ms() / 1000;

    if (worker->mounts_second != second) {
        worker->mounts_second = second;
        worker->mounts_logged = 0;
    }
    if (worker->mounts_logged > WORKER_MOUNTS_LOGGED)
        return false;
    if (worker->mounts_logged++ < WORKER_MOUNTS_LOGGED)
        return true;
    log_event("mounts-not-logged", "reason", "too many in one second", NULL);
    return false;
}
