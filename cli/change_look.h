/* change_look.h - how what became of a file is shown to people. */
#ifndef CLI_CHANGE_LOOK_H
#define CLI_CHANGE_LOOK_H

#include "cli/terminal.h"
#include "tree/diff.h"

/* "M", in its colour. */
void print_change_letter(enum diff_change change);

/* "  content, size": what differs, by its bits. */
void print_changed(unsigned bits);

/* One letter in a colour. */
void print_letter(char letter, enum colour of);

#endif
