/* The merge kernel itself, written so that compilers turn every loop over columns into vectors. */
#include "fast/merge.h"

#define INLINE static inline __attribute__((always_inline))

INLINE int64_t in_range(enum pqs_output_rule kind, const pqs_output_columns *rule, int64_t sum) {
    if (kind == PQS_OUTPUT_HOLD) {
        sum = sum < rule->minimum ? rule->minimum : sum;
        return sum > rule->maximum ? rule->maximum : sum;
    }
    if (kind == PQS_OUTPUT_WRAP && rule->wrap_mask) return sum & rule->wrap_mask;
    if (kind == PQS_OUTPUT_WRAP) {
        return (int64_t)((uint64_t)sum << rule->wrap_shift) >> rule->wrap_shift;
    }
    return sum;
}

/* sums + multiplier * value, or without the sums of chains before, then the rule */
INLINE void add_chain(enum pqs_output_rule kind, int is_wide, const pqs_output_columns *rule,
                      const pqs_merge_row *row, size_t chain, size_t first, size_t count,
                      int has_sums, int64_t *restrict sums) {
    const size_t at = chain * row->value_stride + first;
    const int64_t *const wide = is_wide ? (const int64_t *)row->values + at : NULL;
    const int32_t *const narrow = is_wide ? NULL : (const int32_t *)row->values + at;
    const int64_t *const multiplier = row->multipliers + chain * row->multiplier_stride + first;
    for (size_t i = 0; i < count; i++) {
        const uint64_t value = (uint64_t)(is_wide ? wide[i] : narrow[i]);
        const uint64_t before = has_sums ? (uint64_t)sums[i] : 0;
        sums[i] = in_range(kind, rule, (int64_t)(before + (uint64_t)multiplier[i] * value));
    }
}

/* sum over chains of multiplier * value, the rule at every addition; at least one chain */
INLINE void merge_columns(enum pqs_output_rule kind, int is_wide, const pqs_output_columns *rule,
                          const pqs_merge_row *row, size_t first, size_t count, int64_t *out) {
    int64_t own[PQS_OUTPUT_COLUMNS];
    int64_t *const sums = is_wide ? own : out; /* wide values may be where out is */
    add_chain(kind, is_wide, rule, row, 0, first, count, 0, sums);
    for (size_t chain = 1; chain < row->chains; chain++) {
        add_chain(kind, is_wide, rule, row, chain, first, count, 1, sums);
    }
    for (size_t i = 0; is_wide && i < count; i++) out[i] = own[i];
}

/* Compilers make one loop of the full count: it is a constant in it. */
INLINE void merge_row(enum pqs_output_rule kind, int is_wide, const pqs_output_columns *rule,
                      const pqs_merge_row *row, size_t n, int64_t *out) {
    size_t first = 0;
    for (; n - first >= PQS_OUTPUT_COLUMNS; first += PQS_OUTPUT_COLUMNS) {
        merge_columns(kind, is_wide, rule, row, first, PQS_OUTPUT_COLUMNS, out + first);
    }
    if (first < n) merge_columns(kind, is_wide, rule, row, first, n - first, out + first);
}

/* A copy for each rule, and for values that are wide or not. */
static void run_merge(const pqs_output_columns *rule, const pqs_merge_row *row, size_t n,
                      int64_t *out) {
    if (row->is_wide) {
        switch (rule->rule) {
        case PQS_OUTPUT_HOLD: merge_row(PQS_OUTPUT_HOLD, 1, rule, row, n, out); break;
        case PQS_OUTPUT_WRAP: merge_row(PQS_OUTPUT_WRAP, 1, rule, row, n, out); break;
        default: merge_row(PQS_OUTPUT_EXACT, 1, rule, row, n, out);
        }
    } else {
        switch (rule->rule) {
        case PQS_OUTPUT_HOLD: merge_row(PQS_OUTPUT_HOLD, 0, rule, row, n, out); break;
        case PQS_OUTPUT_WRAP: merge_row(PQS_OUTPUT_WRAP, 0, rule, row, n, out); break;
        default: merge_row(PQS_OUTPUT_EXACT, 0, rule, row, n, out);
        }
    }
}
