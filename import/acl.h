/* acl.h - POSIX access control lists as the extended attributes that Linux keeps them in.
 *
 * Tars have them as text (SCHILY.acl.access), which libarchive reads; a file has system.posix_acl_access.
 */
#ifndef IMPORT_ACL_H
#define IMPORT_ACL_H

#include "import/xattrs.h"

#include <archive_entry.h>

/* Add an entry's lists, if it has more than its mode tells. False: a list was left out, since it has users or groups
 * with a name and no number (who that is only the captured system knows), or too many. */
bool acl_add(struct xattrs *xattrs, struct archive_entry *entry);

#endif
