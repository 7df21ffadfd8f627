noinst_LIBRARIES += libimport.a
libimport_a_SOURCES = \
    import/builder.c import/builder.h \
    import/csv_row.c import/csv_row.h \
    import/dialect.c import/dialect.h \
    import/json.c import/json.h import/json_canonical.c import/json_string.c \
    import/logstash.c import/logstash.h \
    import/record.h import/record_key.c import/record_key.h \
    import/source.c import/source.h \
    import/spool.c import/spool.h
