/* csv_row.h - a row of the csv dialect: type TAB json(key) TAB json(value).
 *
 * Version 0.1 wrote rows with Python's csv module: they end in CR LF, and a field that holds ' is wrapped in '…' with
 * '' for '. No JSON text begins with ', so each field shows how it was written.
 */
#ifndef IMPORT_CSV_ROW_H
#define IMPORT_CSV_ROW_H

#include "import/record.h"

enum { CSV_TYPE, CSV_KEY, CSV_VALUE, CSV_FIELDS };

/* All zero at first, used again for row after row. */
struct csv_row {
    struct buffer unquoted[CSV_FIELDS];
    struct buffer key;
};

void csv_row_free(struct csv_row *row);

/* The record borrows from the line and from the row. */
int csv_row_read(struct record *record, struct csv_row *row, const char *line, size_t size, struct error *err);

#endif
