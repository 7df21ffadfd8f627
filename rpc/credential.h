/* credential.h - who a caller says it is (RFC 5531, section 8 and appendix A), and what of that is believed. */
#ifndef RPC_CREDENTIAL_H
#define RPC_CREDENTIAL_H

#include "rpc/server.h"

/* AUTH_NONE is nobody; AUTH_SYS is read from its body; any other flavour is AUTH_REJECTEDCRED, and a body that is not
 * as it should be AUTH_BADCRED. */
enum auth_stat credential_read(struct rpc_credential *credential, uint32_t flavor, const uint8_t *body, size_t size);

/* Apply the access rule's options. Without ACCESS_INSECURE only a reserved port may speak for uid 0 (anybody else's
 * uid 0 is nobody altogether) or for gid 0; with ACCESS_ROOT_SQUASH uid 0 and gid 0 are nobody. */
void credential_limit(struct rpc_credential *credential, unsigned options, const struct sockaddr *peer);

#endif
