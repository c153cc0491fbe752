/* The output steps in lanes of 32 bits: a vector goes through all of them before it is stored.
 *
 * One source for every instruction set: output_int32_<isa>.c includes the vectors of its width and
 * output_int32_body.h. The caller (plan/output_int32.c) has proven that 32 bits hold every value
 * between steps and every sum and quotient before its range rule, unless that rule takes their
 * lowest 32 bits or fewer, and that 63 bits hold every value * multiplier * 2^left. */
#ifndef PQS_FAST_OUTPUT_INT32_H
#define PQS_FAST_OUTPUT_INT32_H

#include "fast/output.h"

#define PQS_OUTPUT_INT32_LANES 16 /* of the widest vector; numbers of columns are padded to it */

enum pqs_output_int32_form {
    PQS_OUTPUT_INT32_ADD,      /* v + words */
    PQS_OUTPUT_INT32_SHIFT,    /* round(v * 2^left / 2^right), shifts up to 31 */
    PQS_OUTPUT_INT32_MULTIPLY, /* round(v * words * 2^left / 2^right) by 64-bit products */
    PQS_OUTPUT_INT32_FLOAT,
    PQS_OUTPUT_INT32_DOUBLE,
    PQS_OUTPUT_INT32_LOOKUP,
    PQS_OUTPUT_INT32_CLAMP /* nothing but its rule */
};

/* One step; arrays have one number a column. 64-bit ones lie in the order of the kernel's products
 * (pqs_output_int32_kernel). Unused members are null. */
typedef struct {
    enum pqs_output_int32_form form;
    enum pqs_output_rule rule;
    int32_t minimum; /* of the register, or of the clamp */
    int32_t maximum;
    int32_t wrap_shift; /* 32 - bits */
    int32_t wrap_mask;  /* unsigned registers: 2^bits - 1; signed: 0 */
    const int32_t *words; /* ADD: addends; SHIFT: 2^right - 1; MULTIPLY: multipliers;
                           * FLOAT: zero points, if before */
    const void *left;     /* SHIFT: int32, MULTIPLY: int64; null: all 0 */
    const void *right;
    const void *addends[PQS_ADDENDS];
    const float *scale;
    const float *second; /* null: left out, as are the next ones */
    const float *addend;
    const float *last;
    const float *zero_point; /* added before rounding, then subtracted as words */
    const float *low;        /* clamps before rounding */
    const float *high;
    const double *double_scale;
    const int32_t *lookup;
    int32_t lookup_mask;
} pqs_output_int32_step;

/* Rows, `stride` apart, of count columns each are replaced by what the steps make of them. */
typedef void pqs_output_int32_rows(const pqs_output_int32_step *steps, size_t step_count,
                                   size_t rows, size_t count, size_t stride, int32_t *values);

/* Of `lanes` columns, products of the even ones come before those of the odd ones where they are
 * `split`; else in order. */
typedef struct {
    size_t lanes;
    int split;
    pqs_output_int32_rows *run; /* null: the compiler could not build it */
} pqs_output_int32_kernel;

extern const pqs_output_int32_kernel pqs_output_int32__portable;
extern const pqs_output_int32_kernel pqs_output_int32__neon;
extern const pqs_output_int32_kernel pqs_output_int32__avx2;
extern const pqs_output_int32_kernel pqs_output_int32__avx512bw;

#endif
