noinst_LIBRARIES += libimport.a
libimport_a_SOURCES = \
    import/builder.c import/builder.h
