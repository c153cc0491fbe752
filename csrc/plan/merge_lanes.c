/* A MERGE by the merge kernel: row by row. */
#include "plan/plan.h"
#include "reference/reference.h"

/* chains values of (m, n): chain c at values + c * value_stride, its rows one after the other. */
static int run_merge(int isa, const pqs_output_step *step, size_t chains, size_t m, size_t n,
                     const void *values, size_t value_stride, int is_wide, int64_t *out) {
    if (!step || (m && n && ((chains && !values) || !out))) return PQS_ERROR_NULL;
    if (!pqs_output_step_is_valid(step)) return PQS_ERROR_DATAPATH;
    pqs_merge_kernel *const kernel = pqs_merge_for(isa);
    const pqs_values *const data = &step->data;
    pqs_output_columns rule;
    if (!kernel || !chains || step->kind != PQS_OUTPUT_MERGE || (data->n_stride != 1 && n > 1) ||
        !pqs_lower_register(&step->range, &rule)) {
        return PQS_ERROR_NO_KERNEL;
    }
    for (size_t row = 0; row < m; row++) {
        const size_t at = row * n;
        const pqs_merge_row now = {
            .chains = chains,
            .values = is_wide ? (const void *)((const int64_t *)values + at)
                              : (const void *)((const int32_t *)values + at),
            .value_stride = value_stride,
            .is_wide = is_wide,
            .multipliers = data->at + row * data->m_stride,
            .multiplier_stride = data->chain_stride};
        kernel(&rule, &now, n, out + at);
    }
    return PQS_OK;
}

int pqs_merge_lanes(int isa, const pqs_output_step *step, size_t chains, size_t m, size_t n,
                    int64_t *values) {
    return run_merge(isa, step, chains, m, n, values, m * n, 1, values);
}

int pqs_merge_lanes_int32(int isa, const pqs_output_step *step, size_t chains, size_t m, size_t n,
                          const int32_t *values, size_t value_stride, int64_t *out) {
    return run_merge(isa, step, chains, m, n, values, value_stride, 0, out);
}
