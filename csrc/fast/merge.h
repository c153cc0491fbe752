/* MERGE on all columns of a row.
 *
 * One source for every instruction set: merge_<isa>.c includes merge_body.h and is compiled with the
 * flags that its name asks for. The caller has proven that 63 bits hold every sum before its range
 * rule. */
#ifndef PQS_FAST_MERGE_H
#define PQS_FAST_MERGE_H

#include "fast/output.h"

/* Chain c: value n at [c * value_stride + n], int64 where they are wide, else int32; its multiplier
 * at [c * multiplier_stride + n]. */
typedef struct {
    size_t chains;
    const void *values;
    size_t value_stride;
    int is_wide;
    const int64_t *multipliers;
    size_t multiplier_stride;
} pqs_merge_row;

/* out[n], which may be the values of chain 0. */
typedef void pqs_merge_kernel(const pqs_output_columns *rule, const pqs_merge_row *row, size_t n,
                              int64_t *out);

/* NULL where the compiler could not build them. */
extern pqs_merge_kernel *const pqs_merge__portable;
extern pqs_merge_kernel *const pqs_merge__avx2;
extern pqs_merge_kernel *const pqs_merge__avx512bw;

#endif
