/* frame.h - frames as they were received, byte for byte, kept as chunks that like frames share.
 *
 * Chunks are cut where a rolling hash of the content says so (4 to 64 KiB, some 6 KiB on average) and compressed one
 * by one. What a crawl of the same container repeats is there already; a range can be read without the rest. Which
 * chunks they are stands in packed lists (chunk_list.h).
 */
#ifndef DB_FRAME_H
#define DB_FRAME_H

#include "base/digest.h"
#include "base/error.h"
#include "db/store.h"

#include <sys/types.h>

/* Puts a frame into the store, piece by piece (part of the open batch). */
struct frame_writer;

int frame_writer_new(struct frame_writer **writer, struct store *store, struct error *err);
void frame_writer_free(struct frame_writer *writer);
int frame_writer_add(struct frame_writer *writer, const void *bytes, size_t size, struct error *err);

/* End the frame: *id and the digest of its bytes. The same frame is stored once. */
int frame_writer_finish(int64_t *id, struct digest *digest, struct frame_writer *writer, struct error *err);

/* Hand all bytes of a frame to `sink` in order, and check its digest at the end. */
int frame_read(struct store *store, int64_t id, int (*sink)(void *arg, const void *bytes, size_t size), void *arg,
               struct error *err);

/* The size of a frame in bytes. -ENOENT: there is no such frame (err not filled). */
int frame_size(uint64_t *size, struct store *store, int64_t id, struct error *err);

/* Read up to `size` bytes at `offset`; returns how many (0 at or behind the end), or a negative errno. Costs one
 * look-up, and unpacking the chunks that the range touches. */
ssize_t frame_read_range(void *out, struct store *store, int64_t id, uint64_t offset, size_t size, struct error *err);

/* All chunks of the frames from `first` to `last`, as they come; 0 stands for what a damaged list does not tell. Ends
 * with what the visitor returns, when that is not 0. */
int frame_visit_chunks(struct store *store, int64_t first, int64_t last,
                       int (*visit)(void *arg, int64_t frame, int64_t chunk), void *arg, struct error *err);

/* Is a chunk what its digest says? */
int frame_check_chunk(struct store *store, int64_t id, struct error *err);

#endif
