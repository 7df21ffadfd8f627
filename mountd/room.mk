noinst_LIBRARIES += libmountd.a
libmountd_a_SOURCES = \
    mountd/mount.c \
    mountd/portmap.c \
    mountd/program.h
