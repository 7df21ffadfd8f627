bin_PROGRAMS += confuse
confuse_SOURCES = \
    cli/capture.c \
    cli/cat.c \
    cli/command.h \
    cli/fsck.c \
    cli/import.c cli/import_line.c cli/import_line.h \
    cli/log.c \
    cli/ls.c \
    cli/main.c \
    cli/manifest.c \
    cli/options.c cli/options.h \
    cli/serve.c \
    cli/show.c \
    cli/terminal.c cli/terminal.h \
    cli/view.c cli/view.h
confuse_LDADD = libmountd.a libnfsd.a libxdr.a librpc.a libimport.a libtree.a libdb.a libbase.a \
    $(TIRPC_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(LIBARCHIVE_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS)
