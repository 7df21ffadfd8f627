noinst_LIBRARIES += libtree.a
libtree_a_SOURCES = \
    tree/ahead.c tree/ahead.h \
    tree/cache.c tree/cache.h \
    tree/changes.c tree/changes.h \
    tree/climb.c tree/climb.h \
    tree/contents.c tree/contents.h \
    tree/diff.c tree/diff.h tree/diff_path.c \
    tree/feature_diff.c tree/feature_diff.h \
    tree/features.c tree/features.h \
    tree/follow.c tree/follow.h \
    tree/known.c tree/known.h \
    tree/link_diff.c tree/link_diff.h \
    tree/links.c tree/links.h \
    tree/manifest.c tree/manifest.h \
    tree/members.c tree/members.h \
    tree/memory.h \
    tree/merge.c tree/merge.h \
    tree/node.c tree/node.h \
    tree/reader.c tree/reader.h \
    tree/sums.c tree/sums.h \
    tree/walk.c tree/walk.h \
    tree/xattrs_dump.c tree/xattrs_dump.h
