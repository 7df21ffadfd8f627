/* numbered.c - see numbered.h. */
#include "import/veneer/numbered.h"

#include <errno.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

int numbering_make(struct numbering *numbering, const struct facts *facts, enum fact_kind kind, unsigned field,
                   uint64_t max, struct error *err)
{
    for (uint32_t row = 0; row < facts_count(facts, kind); row++) {
        struct numbered numbered = {.row = row};

        if (fact_number(&numbered.number, facts_get(facts, kind, row, field)) && numbered.number > 0 &&
            numbered.number <= max)
            buffer_add(&numbering->list, &numbered, sizeof numbered);
        else
            numbering->without++;
    }
    if (numbering->list.failed)
        return error_system(err, ENOMEM, "cannot hold the features");
    if (numbering->list.size)
        qsort(numbering->list.bytes, numbering->list.size / sizeof(struct numbered), sizeof(struct numbered),
              by_number);
    return 0;
}

void numbering_free(struct numbering *numbering)
{
    buffer_free(&numbering->list);
}

const struct numbered *numbering_all(size_t *count, const struct numbering *numbering)
{
    *count = numbering->list.size / sizeof(struct numbered);
    return (const struct numbered *)(const void *)numbering->list.bytes;
}

const struct numbered *numbering_find(size_t *count, const struct numbering *numbering, uint64_t number)
{
    size_t low = 0, high, all;
    const struct numbered *list = numbering_all(&all, numbering);

    for (high = all; low < high;) {
        size_t middle = low + (high - low) / 2;

        if (list[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    *count = 0;
    while (low + *count < all && list[low + *count].number == number)
        ++*count;
    return *count ? list + low : NULL;
}
