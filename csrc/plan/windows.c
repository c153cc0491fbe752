/* Rows of the matrix whose rows are the windows of an image. */
#include "pyqsim.h"

#include <string.h>

int pqs_gather_windows(const pqs_windows *from, size_t first, size_t count, void *out) {
    if (!from || (count && (!from->image || !out))) return PQS_ERROR_NULL;
    char *to = out;
    for (size_t m = first; m < first + count; m++) {
        const size_t column = m % from->out_columns, line = m / from->out_columns;
        const size_t row = line % from->out_rows, batch = line / from->out_rows;
        const char *const corner = (const char *)from->image + batch * from->batch_stride +
                                   row * from->row_step + column * from->column_step;
        for (size_t i = 0; i < from->rows; i++) {
            const char *at = corner + i * from->row_stride;
            if (from->column_stride == from->bytes) { /* neighbours: one run */
                memcpy(to, at, from->columns * from->bytes);
                to += from->columns * from->bytes;
                continue;
            }
            for (size_t j = 0; j < from->columns; j++) {
                memcpy(to, at, from->bytes);
                at += from->column_stride;
                to += from->bytes;
            }
        }
    }
    return PQS_OK;
}
