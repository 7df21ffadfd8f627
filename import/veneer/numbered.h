/* numbered.h - rows of facts found by a number that they have, such as a pid. */
#ifndef IMPORT_VENEER_NUMBERED_H
#define IMPORT_VENEER_NUMBERED_H

#include "import/veneer/facts.h"

struct numbered {
    uint64_t number;
    uint32_t row;
};

/* Sorted by number, then row; all zero at first. */
struct numbering {
    struct buffer list;
    uint64_t without; /* rows whose field is no number from 1 to the most that there may be */
};

int numbering_make(struct numbering *numbering, const struct facts *facts, enum fact_kind kind, unsigned field,
                   uint64_t max, struct error *err);
void numbering_free(struct numbering *numbering);

/* All of them, and those of one number: a part of them. */
const struct numbered *numbering_all(size_t *count, const struct numbering *numbering);
const struct numbered *numbering_find(size_t *count, const struct numbering *numbering, uint64_t number);

#endif
