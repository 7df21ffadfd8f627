noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
    base/buffer.c base/buffer.h \
    base/bytes.h \
    base/cleanup.h \
    base/digest.c base/digest.h \
    base/error.c base/error.h \
    base/file.c base/file.h \
    base/hasher.c base/hasher.h \
    base/jsonl.c base/jsonl.h \
    base/log.c base/log.h \
    base/name_hash.h \
    base/quote.c base/quote.h \
    base/siphash.c base/siphash.h \
    base/thread.c base/thread.h \
    base/timestamp.c base/timestamp.h \
    base/varint.h
