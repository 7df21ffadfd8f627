/* ahead.c - what calls that came together will ask of trees. Handles are not checked yet, nor is who asks: what comes
 * of it is memory brought near, and no more. */
#include "nfsd/program.h"
#include "nfsd/worker.h"

#include "rpc/limits.h"
#include "tree/ahead.h"

enum { GETATTR = 1, LOOKUP = 3, ACCESS = 4, READLINK = 5, READ = 6 };

static bool take_tree(struct tree_ahead *out, const struct nfsd_worker *worker, struct words *args)
{
    struct handle handle;
    const uint8_t *bytes;
    uint32_t size;

    if (!words_take_opaque(&bytes, &size, args, HANDLE_SIZE_MAX) || !handle_peek(&handle, bytes, size))
        return false;
    *out =
        (struct tree_ahead){.tree = served_trees_recall(&worker->trees, handle.kind, handle.id), .rank = handle.number};
    return out->tree.root;
}

static bool take_name(struct tree_ahead *out, struct words *args)
{
    const uint8_t *name;
    uint32_t size;

    if (!words_take_opaque(&name, &size, args, ENTRY_NAME_MAX))
        return false;
    out->name = (const char *)name;
    out->name_size = size;
    return true;
}

/* False: it asks of no tree that is remembered. */
static bool take(struct tree_ahead *out, const struct nfsd_worker *worker, const struct rpc_ahead *call)
{
    struct words args = call->args;

    if (call->program != nfs_program.number || !take_tree(out, worker, &args))
        return false;
    switch (call->procedure) {
    case GETATTR:
    case ACCESS:
    case READLINK:
        return true;
    case LOOKUP:
        return take_name(out, &args);
    case READ:
        out->content = true;
        return words_take64(&out->offset, &args);
    default:
        return false;
    }
}

void nfsd_worker_ahead(void *of_config, const struct rpc_ahead *calls, unsigned count)
{
    struct tree_ahead ahead[RPC_CALLS_PER_WAKE];
    struct nfsd_worker *worker = of_config;
    unsigned taken = 0;

    for (unsigned i = 0; i < count; i++)
        taken += take(&ahead[taken], worker, &calls[i]);
    tree_look_ahead(worker->reader, ahead, taken);
}
