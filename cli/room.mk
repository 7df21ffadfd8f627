bin_PROGRAMS += confuse
confuse_SOURCES = \
    cli/address.c cli/address.h \
    cli/capture.c \
    cli/cat.c \
    cli/change_look.c cli/change_look.h \
    cli/command.h \
    cli/diff.c \
    cli/export.c \
    cli/export_oci.c cli/export_oci.h \
    cli/export_tar.c cli/export_tar.h \
    cli/find.c cli/find.h cli/find_report.c cli/find_text.c \
    cli/forget.c \
    cli/fsck.c \
    cli/gc.c \
    cli/import.c cli/import_line.c cli/import_line.h \
    cli/importing.c cli/importing.h \
    cli/log.c cli/log.h cli/log_follow.c \
    cli/ls.c \
    cli/main.c \
    cli/manifest.c \
    cli/nfs_mount.c cli/nfs_mount.h \
    cli/options.c cli/options.h \
    cli/pager.c cli/pager.h \
    cli/run.c \
    cli/run_command.c cli/run_command.h \
    cli/run_lend.c cli/run_lend.h \
    cli/run_pids.c cli/run_pids.h \
    cli/run_root.c cli/run_root.h \
    cli/run_server.c cli/run_server.h \
    cli/run_sockets.c cli/run_sockets.h \
    cli/run_tools.c cli/run_tools.h \
    cli/scan.c cli/scan.h \
    cli/scan_adapter.c cli/scan_adapter.h \
    cli/scan_items.c \
    cli/scan_mount.c \
    cli/scan_place.h \
    cli/scan_private.c cli/scan_private.h \
    cli/scan_process.c cli/scan_process.h \
    cli/scan_report.c \
    cli/scan_store.c \
    cli/scan_verdict.c cli/scan_verdict.h \
    cli/scan_work.c \
    cli/serve.c \
    cli/show.c \
    cli/tag.c \
    cli/terminal.c cli/terminal.h \
    cli/unified.c cli/unified.h \
    cli/view.c cli/view.h \
    cli/watch.c \
    cli/watch_metrics.c cli/watch_metrics.h \
    cli/watch_queue.c cli/watch_queue.h
# The loader looks for symbols in this order, and what libcrypto and SQLite look for is mostly their own.
confuse_LDADD = libmountd.a libnfsd.a libxdr.a librpc.a libimport.a libtree.a libdb.a libbase.a \
    $(CRYPTO_LIBS) $(SQLITE_LIBS) $(TIRPC_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(LIBARCHIVE_LIBS) $(JANSSON_LIBS)
