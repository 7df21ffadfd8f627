/* credential.c - reading AUTH_SYS, and squashing root. */
#include "rpc/credential.h"

#include "rpc/limits.h"
#include "rpc/peer.h"
#include "rpc/words.h"

static const struct rpc_credential nobody = {.uid = RPC_NOBODY, .gid = RPC_NOBODY};

/* authsys_parms: stamp, machinename<255>, uid, gid, gids<16>. Stamp and name tell nothing that we use. */
static bool read_sys(struct rpc_credential *credential, struct words *words)
{
    const uint8_t *name;
    uint32_t stamp, name_size;

    if (!words_take(&stamp, words) || !words_take_opaque(&name, &name_size, words, RPC_MACHINE_NAME_MAX) ||
        !words_take(&credential->uid, words) || !words_take(&credential->gid, words) ||
        !words_take(&credential->group_count, words) || credential->group_count > RPC_GROUPS_MAX)
        return false;
    for (uint32_t i = 0; i < credential->group_count; i++)
        if (!words_take(&credential->groups[i], words))
            return false;
    return true;
}

enum auth_stat credential_read(struct rpc_credential *credential, uint32_t flavor, const uint8_t *body, size_t size)
{
    struct words words = {body, body + size};

    *credential = nobody;
    if (flavor == AUTH_NONE)
        return AUTH_OK;
    if (flavor != AUTH_SYS)
        return AUTH_REJECTEDCRED;
    return read_sys(credential, &words) ? AUTH_OK : AUTH_BADCRED;
}

static void squash_root_group(struct rpc_credential *credential)
{
    if (credential->gid == 0)
        credential->gid = RPC_NOBODY;
    for (uint32_t i = 0; i < credential->group_count; i++)
        if (credential->groups[i] == 0)
            credential->groups[i] = RPC_NOBODY;
}

void credential_limit(struct rpc_credential *credential, unsigned options, const struct sockaddr *peer)
{
    if (!(options & ACCESS_INSECURE) && peer_port(peer) >= RPC_RESERVED_PORTS) {
        if (credential->uid == 0)
            *credential = nobody;
        squash_root_group(credential);
    }
    if (options & ACCESS_ROOT_SQUASH) {
        if (credential->uid == 0)
            credential->uid = RPC_NOBODY;
        squash_root_group(credential);
    }
}
