noinst_LIBRARIES += libtree.a
libtree_a_SOURCES = \
    tree/ahead.c tree/ahead.h \
    tree/cache.c tree/cache.h \
    tree/climb.c tree/climb.h \
    tree/contents.c tree/contents.h \
    tree/features.c tree/features.h \
    tree/follow.c tree/follow.h \
    tree/known.c tree/known.h \
    tree/links.c tree/links.h \
    tree/manifest.c tree/manifest.h \
    tree/memory.h \
    tree/node.c tree/node.h \
    tree/reader.c tree/reader.h \
    tree/sums.c tree/sums.h \
    tree/walk.c tree/walk.h \
    tree/xattrs_dump.c tree/xattrs_dump.h
