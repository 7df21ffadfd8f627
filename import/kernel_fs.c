/* kernel_fs.c - see kernel_fs.h. */
#include "import/kernel_fs.h"

#include <linux/magic.h>
#include <stddef.h>
#include <sys/vfs.h>

bool kernel_fs_is(int fd)
{
    static const unsigned long types[] = {
        PROC_SUPER_MAGIC,   SYSFS_MAGIC,      CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,
        TRACEFS_MAGIC,      SECURITYFS_MAGIC, BPF_FS_MAGIC,       PSTOREFS_MAGIC,      EFIVARFS_MAGIC,
        DEVPTS_SUPER_MAGIC, NSFS_MAGIC,       SELINUX_MAGIC,      BINFMTFS_MAGIC,      AUTOFS_SUPER_MAGIC,
    };
    struct statfs st;

    if (fstatfs(fd, &st) < 0)
        return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned long)st.f_type == types[i])
            return true;
    return false;
}
