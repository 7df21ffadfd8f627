noinst_LIBRARIES += libimport.a
libimport_a_SOURCES = \
    import/builder.c import/builder.h \
    import/json.c import/json.h import/json_canonical.c import/json_string.c \
    import/source.c import/source.h \
    import/spool.c import/spool.h
