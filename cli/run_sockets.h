/* run_sockets.h - captured sockets, as far as lsof wants to see them.
 *
 * lsof believes a descriptor to be a socket if stat(2) of /proc/PID/fd/N says so, and looks for its inode number in
 * /proc/net. A captured descriptor is a link to "socket:[INODE]" that leads nowhere, and no file system lets the number
 * of a node be chosen. So a node is made there, and captured links and tables get its number.
 */
#ifndef CLI_RUN_SOCKETS_H
#define CLI_RUN_SOCKETS_H

#include "base/error.h"

#define RUN_SOCKETS_LOOKED_MAX 16384u     /* processes and descriptors, each a call of the server or two: some 3 s */
#define RUN_SOCKETS_TABLE_MAX (16u << 20) /* bytes of a table in /proc/net; a longer one stays as it is */

/* In `proc`, a directory that shows captured processes and can be written to. What it holds may be hostile: what is not
 * as it should be stays as it is. */
int run_sockets_make(int proc, struct error *err);

#endif
