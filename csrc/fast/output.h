/* The output steps of many columns at a time, one step after the other.
 *
 * One source for every instruction set: output_<isa>.c includes output_body.h and is compiled with
 * the flags that its name asks for. The caller (plan/output_lanes.c) has proven that 63 bits hold
 * every sum before its range rule and every numerator value * multiplier * 2^left. */
#ifndef PQS_FAST_OUTPUT_H
#define PQS_FAST_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

#define PQS_OUTPUT_COLUMNS 64  /* values that go through one step before the next step runs */
#define PQS_OUTPUT_MAX_STEPS 12
#define PQS_OUTPUT_MAX_SHIFT 62

/* floor((p + addends) / 2^right) rounds p / 2^right: the first of them always, the others where p is
 * negative, where its floor is odd, and where both are so. */
enum { PQS_ADDEND, PQS_ADDEND_NEGATIVE, PQS_ADDEND_ODD, PQS_ADDEND_BOTH, PQS_ADDENDS };

/* Which of the addends a NARROW has besides the first; BY_TABLE: it has none. */
enum pqs_output_rounding {
    PQS_OUTPUT_BY_NOTHING,
    PQS_OUTPUT_BY_SIGN,
    PQS_OUTPUT_BY_PARITY,
    PQS_OUTPUT_BY_TABLE
};

enum pqs_output_rule { PQS_OUTPUT_EXACT, PQS_OUTPUT_HOLD, PQS_OUTPUT_WRAP };

/* One step's numbers for the columns at hand; unused members are not read. */
typedef struct {
    int32_t kind; /* enum pqs_output_kind: ADD, NARROW, FLOAT_SCALE, CLAMP, LOOKUP */
    enum pqs_output_rule rule;
    int64_t minimum; /* of the register, or of CLAMP */
    int64_t maximum;
    int wrap_shift;    /* 64 - bits */
    int64_t wrap_mask; /* unsigned registers: 2^bits - 1; signed: 0 */
    enum pqs_output_rounding rounding; /* NARROW */
    uint32_t table;                    /* NARROW by BY_TABLE: as in pqs_rounding */
    int clamp_before;  /* FLOAT_SCALE */
    const int64_t *lookup;
    size_t lookup_mask;
    int64_t data[PQS_OUTPUT_COLUMNS]; /* ADD: addends; NARROW: multipliers */
    int64_t left[PQS_OUTPUT_COLUMNS]; /* NARROW: shifts, one of the two is 0 */
    int64_t right[PQS_OUTPUT_COLUMNS];
    int64_t addends[PQS_ADDENDS][PQS_OUTPUT_COLUMNS];
    float scale[PQS_OUTPUT_COLUMNS];
    float low[PQS_OUTPUT_COLUMNS]; /* FLOAT_SCALE with clamp_before */
    float high[PQS_OUTPUT_COLUMNS];
} pqs_output_columns;

/* values[count] are replaced by what the steps make of them; count <= PQS_OUTPUT_COLUMNS. */
typedef void pqs_output_kernel(const pqs_output_columns *steps, size_t step_count, size_t count,
                               int64_t *values);

/* NULL where the compiler could not build them. */
extern pqs_output_kernel *const pqs_output__portable;
extern pqs_output_kernel *const pqs_output__avx2;
extern pqs_output_kernel *const pqs_output__avx512bw;

#endif
