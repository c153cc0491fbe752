/* What the tiles of lookups share: wide panels, so that a row of the tables, once it is near, is
 * read for many columns. */
#include "fast/gemm.h"

#include <string.h>

#define COLUMNS 256
#define STEP_K 4 /* k of a step: words of a, rows of places */
#define ROWS 257 /* of a table: one for no k, and one for each byte of a */

/* The row of the tables for the k-th of a step. */
static inline size_t row_at(const char *a, size_t k) {
    uint32_t row;
    memcpy(&row, a + k * sizeof row, sizeof row);
    return row;
}
