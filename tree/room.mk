noinst_LIBRARIES += libtree.a
libtree_a_SOURCES = \
    tree/cache.c tree/cache.h \
    tree/follow.c tree/follow.h \
    tree/node.c tree/node.h \
    tree/reader.c tree/reader.h
