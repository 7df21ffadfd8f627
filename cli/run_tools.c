/* run_tools.c - see run_tools.h. */
#include "cli/run_tools.h"

#include "base/cleanup.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEGMENTS_MAX 64     /* program headers that are looked at */
#define SCRIPT_LINE_MAX 256 /* of "#!", as the kernel's BINPRM_BUF_SIZE */

static const char *const FOLDERS[] = {"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin", "."};
#define FOLDER_COUNT (sizeof FOLDERS / sizeof *FOLDERS)

/* Behind the folder that the loader itself is in. */
static const char LIBRARIES[] =
    RUN_TOOLS "/usr/local/lib:" RUN_TOOLS "/lib64:" RUN_TOOLS "/usr/lib64:" RUN_TOOLS "/lib:" RUN_TOOLS "/usr/lib";

/* --- Files of the directory --------------------------------------------------------------------------------------- */

static int open_inside(int directory, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

static int path_of(char path[PATH_MAX], int fd)
{
    char link[32];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    path[size > 0 ? size : 0] = '\0';
    return size > 0 ? 0 : -errno;
}

/* The path, links followed, that the open file has in the run's root. */
static int path_in_run(char path[PATH_MAX], int directory, int fd)
{
    char base[PATH_MAX], full[PATH_MAX];

    if (path_of(base, directory) < 0 || path_of(full, fd) < 0)
        return -ENOENT;
    size_t size = strcmp(base, "/") == 0 ? 0 : strlen(base);
    if (strncmp(full, base, size) != 0 || full[size] != '/')
        return -ENOENT;
    return snprintf(path, PATH_MAX, "%s%s", RUN_TOOLS, full + size) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool executable(int fd)
{
    struct stat stat;

    return fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && (stat.st_mode & 0111);
}

/* The command, open to read; or -1. */
static int find_command(int directory, const char *command)
{
    size_t prefix = strlen(RUN_TOOLS "/");
    char path[PATH_MAX];
    int fd;

    if (strncmp(command, RUN_TOOLS "/", prefix) == 0)
        return open_inside(directory, command + prefix, O_RDONLY | O_NONBLOCK);
    if (strchr(command, '/'))
        return -1;
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        if (snprintf(path, sizeof path, "%s/%s", FOLDERS[i], command) >= PATH_MAX)
            return -1;
        fd = open_inside(directory, path, O_RDONLY | O_NONBLOCK);
        if (fd >= 0 && executable(fd))
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

/* --- How it is started -------------------------------------------------------------------------------------------- */

/* The loader that an ELF file asks for: 1; 0 if it asks for none. */
static int loader_of(char loader[PATH_MAX], int fd)
{
    Elf64_Ehdr head;
    Elf64_Phdr segment;

    if (pread(fd, &head, sizeof head, 0) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof segment)
        return 0;
    for (unsigned i = 0; i < head.e_phnum && i < SEGMENTS_MAX; i++) {
        off_t at = (off_t)(head.e_phoff + i * sizeof segment);
        if (pread(fd, &segment, sizeof segment, at) != sizeof segment)
            return 0;
        if (segment.p_type != PT_INTERP)
            continue;
        size_t size = segment.p_filesz < PATH_MAX ? (size_t)segment.p_filesz : 0;
        ssize_t got = pread(fd, loader, size, (off_t)segment.p_offset);
        loader[got > 0 ? got : 0] = '\0';
        return got > 0;
    }
    return 0;
}

/* "#!/usr/bin/perl -w": both words, the second one maybe empty. */
static bool script_of(char line[SCRIPT_LINE_MAX], char **option, int fd)
{
    ssize_t size = pread(fd, line, SCRIPT_LINE_MAX - 1, 0);

    line[size > 0 ? size : 0] = '\0';
    if (strncmp(line, "#!", 2) != 0)
        return false;
    line[strcspn(line, "\n")] = '\0';
    memmove(line, line + 2, strlen(line + 2) + 1);
    size_t blank = strspn(line, " \t");
    memmove(line, line + blank, strlen(line + blank) + 1);
    *option = line + strcspn(line, " \t");
    if (**option)
        *(*option)++ = '\0';
    *option += strspn(*option, " \t");
    return *line != '\0';
}

static void add(struct run_tool *tool, const char *text)
{
    if (tool->count == RUN_TOOLS_ARGUMENTS)
        return;
    char *copy = tool->texts[tool->count];
    snprintf(copy, PATH_MAX, "%s", text);
    tool->arguments[tool->count++] = copy;
}

static void add_libraries(struct run_tool *tool)
{
    char folder[PATH_MAX];
    const char *end = strrchr(tool->program, '/');

    snprintf(folder, sizeof folder, "%.*s", (int)(end - tool->program), tool->program);
    /* Where /lib is no link to /usr/lib, libraries stand in both. */
    const char *below = folder + strlen(RUN_TOOLS);
    if (snprintf(tool->libraries, PATH_MAX, "%s:" RUN_TOOLS "/usr%s:%s", folder, below, LIBRARIES) >= PATH_MAX)
        snprintf(tool->libraries, PATH_MAX, "%s", LIBRARIES);
    add(tool, tool->libraries);
}

static int start_program(struct run_tool *tool, int directory, int fd, const char *name, struct error *err)
{
    char path[PATH_MAX], *loader = tool->loader;

    if (path_in_run(path, directory, fd) < 0)
        return error_input(err, "%s: cannot tell where it is among the tools", name);
    if (!loader_of(loader, fd)) {
        *loader = '\0';
        memcpy(tool->program, path, sizeof path);
        add(tool, name);
        return 0;
    }
    cleanup_close int at = open_inside(directory, loader, O_RDONLY | O_NONBLOCK);
    if (at < 0 || path_in_run(tool->program, directory, at) < 0)
        return error_input(err, "%s: its loader %s is not among the tools", name, loader);
    add(tool, loader);
    add(tool, "--library-path");
    add_libraries(tool);
    add(tool, "--argv0");
    add(tool, name);
    add(tool, path);
    return 0;
}

/* The interpreter is the tools' own, if they have it, else the snapshot's. */
static int start_script(struct run_tool *tool, int directory, int fd, char *interpreter, const char *option,
                        struct error *err)
{
    char path[PATH_MAX];
    cleanup_close int at = open_inside(directory, interpreter, O_RDONLY | O_NONBLOCK);

    if (path_in_run(path, directory, fd) < 0)
        return error_input(err, "%s: cannot tell where its script is among the tools", interpreter);
    if (at >= 0 && executable(at)) {
        int result = start_program(tool, directory, at, interpreter, err);
        if (result < 0)
            return result;
    } else {
        snprintf(tool->program, sizeof tool->program, "%s", interpreter);
        add(tool, interpreter);
    }
    if (*option)
        add(tool, option);
    add(tool, path);
    return 0;
}

static void find_shell(struct run_tool *tool, int directory)
{
    cleanup_close int fd = open_inside(directory, RUN_TOOLS_SHELL, O_RDONLY | O_NONBLOCK);

    if (fd < 0 || !executable(fd) || path_in_run(tool->shell, directory, fd) < 0)
        tool->shell[0] = '\0';
}

int run_tools_find(struct run_tool *tool, int directory, const char *command, struct error *err)
{
    char line[SCRIPT_LINE_MAX], *option;
    cleanup_close int fd = find_command(directory, command);

    tool->count = 0;
    tool->loader[0] = '\0';
    if (fd < 0 || !executable(fd))
        return 0;
    find_shell(tool, directory);
    if (script_of(line, &option, fd))
        return start_script(tool, directory, fd, line, option, err);
    return start_program(tool, directory, fd, command, err);
}
