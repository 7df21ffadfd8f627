/* pager.c - see pager.h. */
#include "cli/pager.h"

#include "cli/terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends at once where all fits the screen, shows colours, leaves the text there. */
#define LESS_OPTIONS "FRX"
#define PAGER_DEFAULT "command -v less >/dev/null || exec cat; exec less"

static void exec_pager(const char *command, int input)
{
    if (dup2(input, STDIN_FILENO) >= 0) {
        setenv("LESS", LESS_OPTIONS, 0);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    }
    _exit(127);
}

void pager_begin(struct pager *pager)
{
    const char *command = getenv("PAGER");
    int ends[2];

    *pager = (struct pager){.terminal = -1};
    if (!output_is_terminal() || terminal_is_dumb() || (command && (!*command || strcmp(command, "cat") == 0)))
        return;
    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    pager->child = fork();
    if (pager->child == 0)
        exec_pager(command ? command : PAGER_DEFAULT, ends[0]);
    close(ends[0]);
    if (pager->child > 0) {
        pager->terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
        dup2(ends[1], STDOUT_FILENO);
    } else {
        pager->child = 0;
    }
    close(ends[1]);
}

void pager_end(struct pager *pager)
{
    if (!pager->child)
        return;
    fflush(stdout);
    dup2(pager->terminal, STDOUT_FILENO);
    close(pager->terminal);
    waitpid(pager->child, NULL, 0);
    pager->child = 0;
}
