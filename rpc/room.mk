noinst_LIBRARIES += librpc.a
librpc_a_SOURCES = \
    rpc/access.c rpc/access.h \
    rpc/call.c rpc/call.h \
    rpc/clock.c rpc/clock.h \
    rpc/connection.c rpc/connection.h \
    rpc/credential.c rpc/credential.h \
    rpc/datagram.c rpc/datagram.h \
    rpc/limits.h \
    rpc/listen.c rpc/listen.h \
    rpc/output.c rpc/output.h \
    rpc/parked.c rpc/parked.h \
    rpc/peer.c rpc/peer.h \
    rpc/record.c rpc/record.h \
    rpc/region.c rpc/region.h \
    rpc/rpcbind.c rpc/rpcbind.h \
    rpc/server.c rpc/server.h \
    rpc/words.h \
    rpc/worker.c rpc/worker.h
