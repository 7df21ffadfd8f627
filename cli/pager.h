/* pager.h - what may be longer than a terminal is shown through $PAGER (less, where it is not set), as git does. */
#ifndef CLI_PAGER_H
#define CLI_PAGER_H

#include <sys/types.h>

struct pager {
    pid_t child;  /* 0: there is none */
    int terminal; /* what standard output was */
};

/* Send standard output through a pager, if it is a terminal and there is one. Colours stay what they were. */
void pager_begin(struct pager *pager);

/* Give standard output back, and wait until who reads has read. */
void pager_end(struct pager *pager);

#endif
