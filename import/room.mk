noinst_LIBRARIES += libimport.a
libimport_a_SOURCES = \
    import/acl.c import/acl.h \
    import/arrivals.c import/arrivals.h \
    import/builder.c import/builder.h import/builder_below.c import/builder_links.c import/builder_parts.h \
    import/builder_put.c import/builder_write.c \
    import/complete.c import/complete.h \
    import/configs.c import/configs.h \
    import/csv_row.c import/csv_row.h \
    import/detect.c import/detect.h \
    import/dialect.c import/dialect.h \
    import/dir.c import/dir.h import/dir_file.c import/dir_walk.c \
    import/record_set.c import/record_set.h \
    import/file_record.c import/file_record.h \
    import/frame.c import/frame.h import/frame_arrange.c import/frame_origin.c \
    import/frame_store.c import/frame_stream.c \
    import/image_archive.c import/image_layout.c import/image_legacy.c \
    import/image_content.c import/image_content.h \
    import/image_document.c import/image_document.h \
    import/image_platform.c import/image_platform.h \
    import/image_reference.c import/image_reference.h \
    import/image_select.c \
    import/image_source.c import/image_source.h \
    import/image_store.c import/image_store.h \
    import/import.h import/import_frame.c import/import_image.c import/import_live.c import/import_tar.c \
    import/inodes.c import/inodes.h \
    import/gunzip.c import/gunzip.h \
    import/input.c import/input.h \
    import/join.c import/join.h \
    import/journal.c import/journal.h \
    import/json.c import/json.h import/json_canonical.c import/json_string.c \
    import/kernel_fs.c import/kernel_fs.h \
    import/layer.c import/layer.h \
    import/live.c import/live.h import/live_details.c import/live_files.c import/live_memory.c import/live_network.c \
    import/live_packages.c import/live_parse.c import/live_parse.h import/live_process.c import/live_rates.c \
    import/live_read.c import/live_rpm.c import/live_system.c import/live_texts.c \
    import/logstash.c import/logstash.h \
    import/member_path.c import/member_path.h \
    import/members.c import/members.h import/members_tar.c import/members_tar.h \
    import/notes.c import/notes.h \
    import/places.c import/places.h \
    import/plain.c import/plain.h \
    import/prefix.c import/prefix.h \
    import/record.h import/record_key.c import/record_key.h \
    import/rpm_header.c import/rpm_header.h \
    import/rpmdb.c import/rpmdb.h \
    import/source.c import/source.h \
    import/source_name.c import/source_name.h \
    import/spool.c import/spool.h \
    import/tar.c import/tar.h import/tar_entry.c \
    import/unpack.c import/unpack.h \
    import/veneer/accounts.c import/veneer/accounts.h \
    import/veneer/devices.c import/veneer/kernel.c import/veneer/load.c import/veneer/mounts.c import/veneer/net.c \
    import/veneer/packages.c import/veneer/process.c import/veneer/process.h import/veneer/process_links.c \
    import/veneer/process_text.c import/veneer/system.c import/veneer/texts.c \
    import/veneer/facts.c import/veneer/facts.h \
    import/veneer/lay.c \
    import/veneer/numbered.c import/veneer/numbered.h \
    import/veneer/render.h import/veneer/veneer.c import/veneer/veneer.h \
    import/wal.c import/wal.h \
    import/xattrs.c import/xattrs.h
