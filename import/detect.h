/* detect.h - what a source is, told by its first bytes. */
#ifndef IMPORT_DETECT_H
#define IMPORT_DETECT_H

#include "import/input.h"

enum source_format {
    SOURCE_FRAME, /* what is nothing else; lines tell which dialect, and what is none is refused there */
    SOURCE_TAR,   /* plain, or compressed by what plain.h takes */
    SOURCE_IMAGE, /* a tar that begins as those do that images are in */
    /* What somebody has to say, and detect() never does. */
    SOURCE_DIR,
    SOURCE_OCI,
    SOURCE_DOCKER,
    SOURCE_LIVE,
};

/* Look ahead; nothing of the input is skipped. */
int detect(enum source_format *format, struct input *input, struct error *err);

#endif
