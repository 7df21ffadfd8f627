/* change_look.c - see change_look.h. */
#include "cli/change_look.h"

#include <stdio.h>

static const struct {
    char letter;
    enum colour colour;
} LOOKS[] = {
    [DIFF_ADDED] = {'A', COLOUR_GREEN},  [DIFF_REMOVED] = {'D', COLOUR_RED}, [DIFF_MODIFIED] = {'M', COLOUR_YELLOW},
    [DIFF_RENAMED] = {'R', COLOUR_CYAN}, [DIFF_COPIED] = {'C', COLOUR_CYAN},
};

void print_letter(char letter, enum colour of)
{
    printf("%s%c%s", colour(of), letter, colour(COLOUR_NONE));
}

void print_change_letter(enum diff_change change)
{
    print_letter(LOOKS[change].letter, LOOKS[change].colour);
}

void print_changed(unsigned bits)
{
    const char *between = "  ";

    fputs(colour(COLOUR_DIM), stdout);
    for (unsigned i = 0; i < DIFF_BITS; i++)
        if (bits & 1u << i) {
            printf("%s%s", between, diff_bit_names[i]);
            between = ", ";
        }
    fputs(colour(COLOUR_NONE), stdout);
}
