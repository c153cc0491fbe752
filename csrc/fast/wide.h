/* Tiles of an integer matrix product in int64 lanes: up to six rows of a times one panel of b.
 *
 * wide_<isa>.c defines a vector and includes wide_body.h, the one tile there is. Packing, blocks and
 * edges are plan/wide.c's. */
#ifndef PQS_FAST_WIDE_H
#define PQS_FAST_WIDE_H

#include <stddef.h>
#include <stdint.h>

#define PQS_WIDE_ROWS 6
#define PQS_WIDE_MAX_COLUMNS 16

typedef struct {
    size_t group; /* products between clamps, 1 or more; 0: a sum mod 2^64 */
    int64_t minimum; /* int64 holds minimum and maximum plus any sum of group products */
    int64_t maximum;
} pqs_wide_constants;

/* out[r][c] = start[r][c], then for each step plus a[r][step] * b[step][c], r < rows; clamped to
 * [minimum, maximum] after every `group` steps and after the last one. int32 holds a and b.
 * Strides are in elements; start_stride 0 starts every row alike. */
typedef void pqs_wide_tile(size_t rows, size_t steps, const int64_t *a, size_t a_stride,
                           const pqs_wide_constants *constants, const int64_t *b,
                           const int64_t *start, size_t start_stride, int64_t *out,
                           size_t out_stride);

typedef struct {
    size_t columns; /* of a panel */
    pqs_wide_tile *tile; /* NULL where the compiler could not build it */
} pqs_wide_kernel;

extern const pqs_wide_kernel pqs_wide__portable;
extern const pqs_wide_kernel pqs_wide__neon;
extern const pqs_wide_kernel pqs_wide__avx2;
extern const pqs_wide_kernel pqs_wide__avx512bw;

#endif
