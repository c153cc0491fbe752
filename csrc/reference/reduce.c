/* One chain: the terms of every output go through the reduce steps and leave one value. */
#include "reference/reference.h"

#include <string.h>

/* How a summing step cuts its sequence. */
static pqs_accumulate blocks_of(const pqs_step *step) {
    const int logs = step->kind == PQS_STEP_ACCUMULATE_LOGS;
    return logs ? pqs_log_blocks(&step->accumulate_logs) : step->accumulate;
}

/* How many values leave a step when `count` enter. */
size_t pqs_step_output_count(const pqs_step *step, size_t count) {
    const pqs_accumulate blocks = blocks_of(step);
    return step->kind == PQS_STEP_NARROW ? count : pqs_accumulate_count(&blocks, count);
}

/* Scratch: two buffers of `longest` values, `longest` held flags, then every step's positions. */
typedef struct {
    size_t longest;
    size_t positions; /* all steps together */
    size_t outputs;
} layout;

static layout plan_layout(const pqs_step *steps, size_t step_count, size_t slots) {
    layout plan = {slots ? slots : 1, 0, slots};
    for (size_t i = 0; i < step_count; i++) {
        plan.positions += plan.outputs;
        plan.outputs = pqs_step_output_count(&steps[i], plan.outputs);
        if (plan.outputs > plan.longest) plan.longest = plan.outputs;
    }
    return plan;
}

size_t pqs_reduce_scratch(const pqs_step *steps, size_t step_count, size_t slots) {
    if ((step_count && !steps) || !pqs_steps_are_valid(steps, step_count)) return 0;
    if (slots > INT32_MAX) return 0;
    const layout plan = plan_layout(steps, step_count, slots);
    return 3 * plan.longest + plan.positions;
}

/* Positions depend on the steps alone: the same for every output. */
static void fill_positions(const pqs_step *steps, size_t step_count, size_t slots,
                           const int64_t *order, int64_t *buffer, int64_t *other,
                           int64_t *positions) {
    size_t count = slots;
    for (size_t slot = 0; slot < slots; slot++) {
        buffer[slot] = order && order[slot] < 0 ? -1 : (int64_t)slot;
    }
    for (size_t i = 0; i < step_count; i++) {
        if (steps[i].kind == PQS_STEP_NARROW) {
            memcpy(positions, buffer, count * sizeof *positions);
        } else {
            const pqs_accumulate blocks = blocks_of(&steps[i]);
            pqs_accumulate_positions(&blocks, count, buffer, positions, other);
            int64_t *const swap = buffer;
            buffer = other;
            other = swap;
        }
        positions += count;
        count = pqs_step_output_count(&steps[i], count);
    }
}

static int operands_are_valid(const pqs_product *product, size_t m, size_t n, size_t k,
                              size_t slots, const int64_t *order, const int64_t *a,
                              size_t a_stride, const int64_t *b, size_t b_stride) {
    for (size_t slot = 0; order && slot < slots; slot++) {
        if (order[slot] < -1 || order[slot] >= (int64_t)k) return 0;
    }
    if (product->kind != PQS_PRODUCT_LOOKUP) return 1;
    if (product->table_k && product->table_k < k) return 0;
    for (size_t i = 0; i < m * k; i++) {
        if ((uint64_t)a[i / k * a_stride + i % k] >= product->table_a) return 0;
    }
    for (size_t i = 0; i < n * k; i++) {
        if ((uint64_t)b[i / k * b_stride + i % k] >= product->table_b) return 0;
    }
    return 1;
}

/* The door of pqs_reduce and of every kernel that stands for it. */
int pqs_check_reduce(const pqs_product *product, const pqs_step *steps, size_t step_count,
                     size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
                     const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
                     const int64_t *out, const pqs_step_events *events, const int64_t *scratch) {
    if (!product || !out || !scratch || (step_count && (!steps || !events))) return PQS_ERROR_NULL;
    if (k && (!a || !b)) return PQS_ERROR_NULL;
    if (!pqs_product_is_valid(product) || !pqs_steps_are_valid(steps, step_count) ||
        slots > INT32_MAX || (!order && slots != k)) {
        return PQS_ERROR_DATAPATH;
    }
    if (plan_layout(steps, step_count, slots).outputs != 1) return PQS_ERROR_ONE_VALUE;
    const int valid = operands_are_valid(product, m, n, k, slots, order, a, a_stride, b, b_stride);
    return valid ? PQS_OK : PQS_ERROR_OPERAND;
}

/* What one output's terms have become so far. */
typedef struct {
    int64_t *values;
    int64_t *spare;          /* where a summing step puts its sums */
    const int64_t *position; /* of each value; the next step's follow */
    size_t count;
} sequence;

static void narrow_values(const pqs_narrow *step, uint32_t tag, const sequence *terms,
                          pqs_observer *observer) {
    const pqs_range range = pqs_register_range(&step->range);
    for (size_t j = 0; j < terms->count; j++) {
        const pqs_draw draw = {terms->position[j], observer->n, observer->m, tag};
        terms->values[j] = pqs_narrow_value(step, range, terms->values[j], draw, observer);
    }
}

static void run_step(const pqs_step *step, uint32_t tag, int64_t bias, int64_t *held,
                     sequence *terms, pqs_observer *observer) {
    int64_t *const values = terms->values, *const sums = terms->spare;
    switch (step->kind) {
    case PQS_STEP_NARROW: narrow_values(&step->narrow, tag, terms, observer); break;
    case PQS_STEP_ACCUMULATE:
        pqs_accumulate_values(&step->accumulate, terms->count, values, terms->position, bias, tag,
                              sums, held, observer);
        break;
    default:
        pqs_accumulate_log_values(&step->accumulate_logs, terms->count, values, terms->position,
                                  sums, observer);
        break;
    }
    if (step->kind != PQS_STEP_NARROW) {
        terms->values = sums;
        terms->spare = values;
    }
    terms->position += terms->count;
    terms->count = pqs_step_output_count(step, terms->count);
}

static void trace_terms(pqs_tracer *tracer, size_t slots, const int64_t *terms) {
    pqs_observer observer = {.tracer = tracer};
    tracer->step = -1;
    for (size_t slot = 0; slot < slots; slot++) {
        pqs_record(&observer, (int64_t)slot, 1, 0, terms[slot], terms[slot], terms[slot]);
    }
}

int pqs_reduce_traced(const pqs_product *product, const pqs_step *steps, size_t step_count,
                      size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
                      int64_t m_first, int64_t n_first,
                      const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
                      const pqs_values *a_zero_point, const pqs_values *b_zero_point,
                      const pqs_values *bias,
                      int64_t *out, size_t out_stride,
                      pqs_step_events *events, int64_t *counts, size_t counts_stride,
                      int64_t *scratch, pqs_tracer *tracer) {
    const int status = pqs_check_reduce(product, steps, step_count, m, n, k, slots, order, a,
                                        a_stride, b, b_stride, out, events, scratch);
    if (status != PQS_OK) return status;
    const layout plan = plan_layout(steps, step_count, slots);
    int64_t *const held = scratch + 2 * plan.longest, *const positions = held + plan.longest;
    fill_positions(steps, step_count, slots, order, scratch, scratch + plan.longest, positions);

    for (size_t i = 0; i < m * n; i++) {
        const size_t row = i / n, column = i % n;
        const int64_t m_number = m_first + (int64_t)row, n_number = n_first + (int64_t)column;
        sequence terms = {scratch, scratch + plan.longest, positions, slots};

        pqs_products(product, slots, order, a + row * a_stride, b + column * b_stride,
                     pqs_value_at(a_zero_point, row, column), pqs_value_at(b_zero_point, row, column),
                     m_number, n_number, terms.values);
        if (tracer) trace_terms(tracer, slots, terms.values);
        for (size_t s = 0; s < step_count; s++) {
            pqs_observer observer = {&events[s], counts ? &counts[row * counts_stride + column] : 0,
                                     order, m_number, n_number, tracer};
            if (tracer) tracer->step = (int32_t)s;
            run_step(&steps[s], UINT32_C(256) * (uint32_t)s, pqs_value_at(bias, row, column), held,
                     &terms, &observer);
        }
        out[row * out_stride + column] = terms.values[0];
    }
    for (size_t s = 0; s < step_count; s++) {
        if (events[s].trap.found) return PQS_TRAPPED;
    }
    return PQS_OK;
}

int pqs_reduce(const pqs_product *product, const pqs_step *steps, size_t step_count,
               size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
               int64_t m_first, int64_t n_first,
               const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
               const pqs_values *a_zero_point, const pqs_values *b_zero_point,
               const pqs_values *bias,
               int64_t *out, size_t out_stride,
               pqs_step_events *events, int64_t *counts, size_t counts_stride, int64_t *scratch) {
    return pqs_reduce_traced(product, steps, step_count, m, n, k, slots, order, m_first, n_first, a,
                             a_stride, b, b_stride, a_zero_point, b_zero_point, bias, out,
                             out_stride, events, counts, counts_stride, scratch, NULL);
}
