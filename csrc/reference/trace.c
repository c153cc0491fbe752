/* The same chain for one output, every value on its way written down. */
#include "reference/reference.h"

/* One line of a trace. */
void pqs_record_line(pqs_tracer *tracer, int64_t position, int acted, int64_t before,
                     int64_t value, pqs_wide seen, int64_t after) {
    const pqs_words words = {(int64_t)((pqs_uwide)seen >> 64), (uint64_t)seen};
    *tracer->next++ = (pqs_trace_record){tracer->step, tracer->spill, acted, position,
                                         before, value, words, after};
}

size_t pqs_trace_count(const pqs_step *steps, size_t step_count, size_t slots) {
    if (!pqs_reduce_scratch(steps, step_count, slots)) return 0;
    size_t records = slots, count = slots;
    for (size_t i = 0; i < step_count; i++) {
        const pqs_accumulate *const sum = &steps[i].accumulate;
        records += count;
        if (steps[i].kind == PQS_STEP_ACCUMULATE && sum->spill_count) {
            records += (count / sum->group + (count % sum->group != 0)) * sum->spill_count;
        }
        count = pqs_step_output_count(&steps[i], count);
    }
    return records;
}

int pqs_trace(const pqs_product *product, const pqs_step *steps, size_t step_count, size_t k,
              size_t slots, const int64_t *order, int64_t m, int64_t n, const int64_t *a,
              const int64_t *b, int64_t a_zero_point, int64_t b_zero_point, int64_t bias,
              int64_t *out, pqs_step_events *events, pqs_trace_record *records, int64_t *scratch) {
    if (slots && !records) return PQS_ERROR_NULL;
    const pqs_values za = {&a_zero_point, 0, 0, 0}, zb = {&b_zero_point, 0, 0, 0},
                     start = {&bias, 0, 0, 0};
    pqs_tracer tracer = {records, -1, 0};
    return pqs_reduce_traced(product, steps, step_count, 1, 1, k, slots, order, m, n, a, k, b, k,
                             &za, &zb, &start, out, 1, events, NULL, 0, scratch, &tracer);
}
