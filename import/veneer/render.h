/* render.h - what renderers share: the facts, the accounts of the capture, and putting a made file. Private to the
 * veneer.
 */
#ifndef IMPORT_VENEER_RENDER_H
#define IMPORT_VENEER_RENDER_H

#include "import/frame.h"
#include "import/veneer/accounts.h"
#include "import/veneer/facts.h"
#include "import/veneer/numbered.h"

#define VENEER_TICKS 100u           /* USER_HZ: what /proc counts times in, a second */
#define VENEER_PAGE 4096u           /* bytes: what /proc counts memory in */
#define VENEER_PID_MAX 4194304u     /* PID_MAX_LIMIT of 64-bit kernels */
#define VENEER_PATH_MAX 512         /* bytes of a made path that is put together, with NUL */
#define VENEER_FILES_MAX (1u << 22) /* made files of a frame, some 40 for each of the most processes that are taken */
#define VENEER_SIZE_MAX (64u << 20) /* bytes of a made file */
#define VENEER_FROM_MAX 5           /* types of records that one renderer reads, and the end */
#define VENEER_COMM_MAX 15          /* TASK_COMM_LEN without its NUL */

struct veneer {
    struct frame *frame;
    struct journal *journal;
    struct facts facts;
    struct accounts accounts;
    struct numbering processes, metrics, connections; /* by pid */
    uint64_t fds_left_out, tasks_left_out;
    uint32_t texts;     /* bits: which files of /proc the kernel's own text was told for (texts.c) */
    struct buffer text; /* of the file that is being rendered */
    struct sha256 *sha;
    const char *from[VENEER_FROM_MAX]; /* of the renderer at work; ended by NULL */
    bool has_boot, has_uptime;
    uint64_t boot; /* ns; 0 where it is not told */
    double uptime; /* s, at the capture */
    uint32_t files;
    uint64_t files_left_out; /* beyond these limits */
};

/* What is to stand at a path. A regular file's content is veneer->text, which is empty again afterwards. */
struct made {
    const char *path; /* absolute, without problems */
    uint32_t mode, uid, gid;
    uint64_t mtime;     /* ns */
    const char *target; /* of a symbolic link */
    size_t target_size;
    uint32_t major, minor;
    bool unnoted; /* a note on a directory above tells where it is from */
};

/* Let it be made, unless something was captured there. Links on the way to it are followed. */
int veneer_put(struct veneer *v, const struct made *made, struct error *err);

/* The usual: a regular file, 0444, root's, whose time is the boot's; or a link. */
int veneer_put_file(struct veneer *v, const char *path, struct error *err);
int veneer_put_link(struct veneer *v, const char *path, const char *target, struct error *err);

/* A note on the whole frame: so many records of a type are not to be seen in made files. None for 0. */
int veneer_left_out(struct veneer *v, const char *record, const char *why, uint64_t count, struct error *err);

/* Append bytes as the kernel's mangle_path() has them: these, and NUL, as three octal digits. */
void veneer_add_escaped(struct buffer *out, const char *text, size_t size, const char *escaped);

/* Append each string of a list as a line; what would end it is escaped. And each with a NUL behind it. */
void veneer_add_lines(struct veneer *v, struct fact list);
void veneer_add_strings(struct veneer *v, struct fact list);

/* Is the kernel's own text there for a file of /proc? */
bool veneer_has_text(const struct veneer *v, const char *path);

/* Does a field have nothing that ends a line, or a NUL? */
bool veneer_is_line(struct fact fact);

/* The kernel's release in os_kernel ("Linux-RELEASE-MACHINE-with-…"), or as older crawlers tell it. */
struct fact veneer_release(const struct veneer *v);

/* --- Renderers ---------------------------------------------------------------------------------------------------- */

int render_system_files(struct veneer *v, struct error *err); /* system.c */
int render_container_name(struct veneer *v, struct error *err);
int render_hostname(struct veneer *v, struct error *err);
int render_kernel(struct veneer *v, struct error *err); /* kernel.c */
int render_texts(struct veneer *v, struct error *err);  /* texts.c */
int render_time(struct veneer *v, struct error *err);   /* load.c */
int render_load(struct veneer *v, struct error *err);
int render_memory(struct veneer *v, struct error *err);
int render_cpus(struct veneer *v, struct error *err);
int render_mounts(struct veneer *v, struct error *err); /* mounts.c */
int render_partitions(struct veneer *v, struct error *err);
int render_diskstats(struct veneer *v, struct error *err);
int render_connections(struct veneer *v, struct error *err); /* net.c */
int render_interfaces(struct veneer *v, struct error *err);
int render_processes(struct veneer *v, struct error *err); /* process.c */
int render_packages(struct veneer *v, struct error *err);  /* packages.c */
int render_devices(struct veneer *v, struct error *err);   /* devices.c */

/* The socket of a connection: which table of /proc/net has it, and its inode there. False: it is no row of any. */
struct socket {
    unsigned table;
    uint64_t inode;
    uint8_t local[16], remote[16];
    uint32_t local_port, remote_port;
    unsigned state;
};
bool socket_of(struct socket *socket, const struct veneer *v, uint32_t connection);

/* The mounts that the container's own process sees, or a process with a mount namespace and a root, as lines: a field
 * of FACT_MOUNTS. Not told: nobody told of that namespace. */
struct fact mounts_own(const struct veneer *v, unsigned field);
struct fact mounts_seen(const struct veneer *v, struct fact namespace, struct fact root, unsigned field);

/* The uid of whoever owns a process; by its number. */
uint32_t process_uid(const struct veneer *v, uint64_t pid);

/* The captured content of a file, links followed; empty where there is none, or more than `max` bytes. */
int veneer_read_captured(struct buffer *out, struct veneer *v, const char *path, size_t max, struct error *err);

#endif
