noinst_LIBRARIES += libdb.a
libdb_a_SOURCES = \
    db/batch.c \
    db/blob.c db/blob.h \
    db/blob_file.c db/blob_file.h \
    db/blob_worker.c db/blob_worker.h \
    db/blob_writer.c db/blob_writer.h \
    db/canonical.c db/canonical.h \
    db/check.c db/check.h \
    db/check_images.c \
    db/chunk_list.c db/chunk_list.h \
    db/collect.c db/collect.h \
    db/cut.c db/cut.h \
    db/entry.h \
    db/feature_values.c db/feature_values.h \
    db/frame.c db/frame.h \
    db/history.c db/history.h \
    db/image.c db/image.h \
    db/keep.c db/keep.h \
    db/layer.c db/layer.h \
    db/lease.c db/lease.h \
    db/namespace_prefix.c db/namespace_prefix.h \
    db/node.c db/node.h \
    db/occurrence.c db/occurrence.h \
    db/policy.c db/policy.h \
    db/publish.c db/publish.h \
    db/repair.c \
    db/schema.c db/schema.h \
    db/schema_packed.c \
    db/snapshot.c db/snapshot.h \
    db/snapshot_row.c db/snapshot_row.h \
    db/sql.h \
    db/store.c db/store.h \
    db/verdict_change.c \
    db/verdict_reply.c \
    db/verdict_row.h \
    db/verdicts.c db/verdicts.h \
    db/watched.c db/watched.h
