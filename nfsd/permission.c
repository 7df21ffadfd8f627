/* permission.c - mode checks. Whoever a caller is was settled by the transport (credentials, squashing). */
#include "nfsd/permission.h"

#include <sys/stat.h>

static bool in_group(uint32_t gid, const struct rpc_credential *who)
{
    if (who->gid == gid)
        return true;
    for (uint32_t i = 0; i < who->group_count; i++)
        if (who->groups[i] == gid)
            return true;
    return false;
}

unsigned mode_permits(uint32_t mode, uint32_t uid, uint32_t gid, const struct rpc_credential *who)
{
    if (who->uid == 0)
        return S_ISDIR(mode) || (mode & 0111) ? PERMIT_READ | PERMIT_WRITE | PERMIT_EXECUTE
                                              : PERMIT_READ | PERMIT_WRITE;
    if (who->uid == uid)
        return mode >> 6 & 7;
    return in_group(gid, who) ? mode >> 3 & 7 : mode & 7;
}

bool object_is_absent(const struct object *object)
{
    return object->place.entry && !S_ISDIR(object->place.entry->mode) && (object->place.entry->flags & ENTRY_ABSENT);
}

unsigned object_permits(const struct object *object, const struct rpc_credential *who)
{
    unsigned permits = mode_permits(object_mode(object), object_uid(object), object_gid(object), who);

    return object_is_absent(object) ? permits & ~(PERMIT_READ | PERMIT_EXECUTE) : permits;
}

/* A server without opens sees READs only, so it has to allow what an open file allows (RFC 1813, 4.4): the owner may
 * have opened the file before its mode was changed, and running a program that one may only execute reads it. Linux's
 * server does the same. Opening is judged by ACCESS, without these two. */
bool object_readable(const struct object *object, const struct rpc_credential *who)
{
    if (object_is_absent(object))
        return false;
    return who->uid == object_uid(object) || (object_permits(object, who) & (PERMIT_READ | PERMIT_EXECUTE));
}
