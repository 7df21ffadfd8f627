/* kernel_fs.h - file systems that the kernel makes up: what is in them is no file of anybody, reading it can do things,
 * and a link of a container may lead there.
 */
#ifndef IMPORT_KERNEL_FS_H
#define IMPORT_KERNEL_FS_H

#include <stdbool.h>

/* Is an open file (O_PATH will do) in one of them: /proc, /sys and the like? */
bool kernel_fs_is(int fd);

#endif
