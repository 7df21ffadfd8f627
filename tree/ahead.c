/* ahead.c - the steps that calls take together. Each looks at what the step before has fetched. */
#include "tree/ahead.h"

#include "tree/memory.h"

/* Lines at the beginning of a content; what follows is read in order, which processors see by themselves. */
#define CONTENT_LINES 4

/* A line of memory is on its way when this returns. */
static void fetch(const void *at)
{
    __builtin_prefetch(at);
}

static void fetch_entry(const struct entry *entry)
{
    fetch(entry);
    fetch((const uint8_t *)(entry + 1) - 1);
}

static void fetch_place(struct tree_ahead *call, struct memory *memory, uint32_t rank)
{
    call->rank = rank;
    call->found = found_slot(memory, call->tree, rank);
    fetch(call->found);
}

/* The place of a call, if its entry may be looked at; a call without one goes no further. */
static const struct found *place_of(struct tree_ahead *call, uint64_t looked)
{
    if (call->found && (!is_found(call->found, call->tree, call->rank) || call->found->looked != looked))
        call->found = NULL;
    return call->found;
}

static void to_place(struct tree_ahead *call, struct memory *memory, uint64_t looked)
{
    (void)looked;
    if (call->tree.root)
        fetch_place(call, memory, call->rank);
}

static void to_entry(struct tree_ahead *call, struct memory *memory, uint64_t looked)
{
    (void)memory;
    if (place_of(call, looked))
        fetch_entry(call->found->entry);
}

static void to_names_or_content(struct tree_ahead *call, struct memory *memory, uint64_t looked)
{
    const struct entry *entry = place_of(call, looked) ? call->found->entry : NULL;

    if (entry && call->name) {
        call->hash = name_hash(entry->subtree, call->name, call->name_size);
        call->names = heard_set(memory, call->hash);
        fetch(call->names);
    } else if (entry && call->content && entry->content) {
        fetch(seen_slot(memory, entry->content));
    }
}

static void fetch_content(const struct seen *seen, uint64_t offset)
{
    for (unsigned i = 0; i < CONTENT_LINES && offset + i * CACHE_LINE < seen->size; i++)
        fetch(seen->bytes + offset + i * CACHE_LINE);
}

static void to_child_or_bytes(struct tree_ahead *call, struct memory *memory, uint64_t looked)
{
    const struct entry *entry = call->found ? call->found->entry : NULL;

    if (entry && call->names) {
        uint32_t rank = recall(call->names, entry->subtree, heard_hash(call->hash));

        call->found = NULL;
        if (rank)
            fetch_place(call, memory, call->rank + rank);
    } else if (entry && call->content && entry->content) {
        const struct seen *seen = seen_slot(memory, entry->content);

        if (seen->id == entry->content && seen->looked == looked && seen->bytes)
            fetch_content(seen, call->offset);
    }
}

static void to_child_entry(struct tree_ahead *call, struct memory *memory, uint64_t looked)
{
    if (call->names)
        to_entry(call, memory, looked);
}

static void to_child_name(struct tree_ahead *call, struct memory *memory, uint64_t looked)
{
    (void)memory;
    if (call->names && place_of(call, looked))
        fetch(call->found->entry->name);
}

static void (*const steps[])(struct tree_ahead *call, struct memory *memory, uint64_t looked) = {
    to_place, to_entry, to_names_or_content, to_child_or_bytes, to_child_entry, to_child_name,
};

void tree_look_ahead(struct tree_reader *reader, struct tree_ahead *calls, unsigned count)
{
    uint64_t looked = cache_look(reader->user);

    for (size_t step = 0; step < sizeof steps / sizeof *steps; step++)
        for (unsigned i = 0; i < count; i++)
            steps[step](&calls[i], reader->memory, looked);
}
