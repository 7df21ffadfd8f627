# What rpcgen makes of both rooms' .x files is a library of its own: only there are warnings not ours to heed.
noinst_LIBRARIES += libxdr.a
xdr_headers = nfsd/nfs3.h nfsd/nfsacl.h nfsd/nlm4.h mountd/mount.h mountd/rpcb.h
xdr_sources = nfsd/nfs3_xdr.c nfsd/nfsacl_xdr.c nfsd/nlm4_xdr.c mountd/mount_xdr.c mountd/rpcb_xdr.c
nodist_libxdr_a_SOURCES = $(xdr_headers) $(xdr_sources)
libxdr_a_CFLAGS = $(AM_CFLAGS) $(GENERATED_CFLAGS)
BUILT_SOURCES += $(xdr_headers) $(xdr_sources)
CLEANFILES += $(xdr_headers) $(xdr_sources)
EXTRA_DIST += nfsd/nfs3.x nfsd/nfsacl.x nfsd/nlm4.x mountd/mount.x mountd/rpcb.x

noinst_LIBRARIES += libnfsd.a
libnfsd_a_SOURCES = \
    nfsd/acl.c \
    nfsd/ahead.c \
    nfsd/at.c nfsd/at.h \
    nfsd/attributes.c \
    nfsd/blobs.c nfsd/blobs.h \
    nfsd/change.c nfsd/change.h \
    nfsd/diffs.c nfsd/diffs.h \
    nfsd/export.c nfsd/export.h \
    nfsd/handle.c nfsd/handle.h \
    nfsd/kind.h \
    nfsd/lookup.c \
    nfsd/mappings.c nfsd/mappings.h \
    nfsd/meta.c nfsd/meta.h \
    nfsd/nlm.c \
    nfsd/permission.c nfsd/permission.h \
    nfsd/procedures.h \
    nfsd/program.c nfsd/program.h \
    nfsd/read.c \
    nfsd/readdir.c \
    nfsd/readonly.c \
    nfsd/renderings.c nfsd/renderings.h \
    nfsd/served_trees.c nfsd/served_trees.h \
    nfsd/trees.c nfsd/trees.h \
    nfsd/verdict_draft.c nfsd/verdict_draft.h \
    nfsd/verdict_job.c \
    nfsd/verdict_writer.c nfsd/verdict_writer.h \
    nfsd/verdicts.c nfsd/verdicts.h \
    nfsd/virtual.c nfsd/virtual.h \
    nfsd/worker.c nfsd/worker.h \
    nfsd/write.c
