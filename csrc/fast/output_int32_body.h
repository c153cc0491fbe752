/* The kernel itself. The including file has included the vectors of its instruction set. */
#include "fast/output_int32.h"
#include "fast/unrolled.h"

#define ROWS 4 /* that share the numbers of their columns */
#define EACH_ROW UNROLLED for (size_t r = 0; r < rows; r++)

/* floor(v * 2^left / 2^right) + ((rest + addend) >> right), which 32 bits hold unsigned */
ALWAYS_INLINE void shift(const pqs_output_int32_step *step, size_t at, size_t rows, vector *x) {
    if (step->left) {
        const vector left = load((const int32_t *)step->left + at);
        EACH_ROW x[r] = shift_left(x[r], left);
    }
    if (!step->right) return;
    const int32_t *const *const addends = (const int32_t *const *)step->addends;
    const vector right = load((const int32_t *)step->right + at), mask = load(step->words + at);
    const vector addend = load(addends[PQS_ADDEND] + at);
    vector sum[ROWS], floor[ROWS];
    EACH_ROW floor[r] = shift_right(x[r], right);
    EACH_ROW sum[r] = add(both(x[r], mask), addend);
    if (addends[PQS_ADDEND_NEGATIVE]) {
        const vector more = load(addends[PQS_ADDEND_NEGATIVE] + at);
        EACH_ROW sum[r] = add(sum[r], both(negative(x[r]), more));
    }
    if (addends[PQS_ADDEND_ODD]) {
        const vector more = load(addends[PQS_ADDEND_ODD] + at);
        EACH_ROW sum[r] = add(sum[r], both(odd(floor[r]), more));
    }
    if (addends[PQS_ADDEND_BOTH]) {
        const vector more = load(addends[PQS_ADDEND_BOTH] + at);
        EACH_ROW sum[r] = add(sum[r], both(both(negative(x[r]), odd(floor[r])), more));
    }
    EACH_ROW x[r] = add(floor[r], shift_right_unsigned(sum[r], right));
}

/* The lowest 32 bits of floor((p + addend) / 2^right), p = v * multiplier * 2^left */
ALWAYS_INLINE vector narrow(const pqs_output_int32_step *step, size_t at, products p) {
    const int64_t *const *const addends = (const int64_t *const *)step->addends;
    const products right = load_products((const int64_t *)step->right + at);
    products sum = add_products(p, load_products(addends[PQS_ADDEND] + at));
    if (addends[PQS_ADDEND_NEGATIVE]) {
        const products more = load_products(addends[PQS_ADDEND_NEGATIVE] + at);
        sum = add_products(sum, both_products(negative_products(p), more));
    }
    if (addends[PQS_ADDEND_ODD]) {
        const products more = load_products(addends[PQS_ADDEND_ODD] + at);
        sum = add_products(sum, both_products(odd_floors(p, right), more));
    }
    if (addends[PQS_ADDEND_BOTH]) {
        const products where = both_products(negative_products(p), odd_floors(p, right));
        sum = add_products(sum, both_products(where, load_products(addends[PQS_ADDEND_BOTH] + at)));
    }
    return floors(sum, right);
}

ALWAYS_INLINE void multiply(const pqs_output_int32_step *step, size_t at, size_t rows,
                            vector *x) {
    const vector multiplier = load(step->words + at);
    if (step->left) {
        const products left = load_products((const int64_t *)step->left + at);
        EACH_ROW x[r] = narrow(step, at, shift_left_products(multiply_wide(x[r], multiplier), left));
    } else {
        EACH_ROW x[r] = narrow(step, at, multiply_wide(x[r], multiplier));
    }
}

ALWAYS_INLINE vector float_scale(const pqs_output_int32_step *step, size_t at, vector x) {
    floats y = multiply_floats(to_floats(x), load_floats(step->scale + at));
    if (step->second) y = multiply_floats(y, load_floats(step->second + at));
    if (step->addend) y = add_floats(y, load_floats(step->addend + at));
    if (step->last) y = multiply_floats(y, load_floats(step->last + at));
    if (step->low) {
        y = larger_float(y, load_floats(step->low + at));
        y = smaller_float(y, load_floats(step->high + at));
    }
    if (!step->zero_point) return rint_to_int32(y);
    y = add_floats(y, load_floats(step->zero_point + at));
    return subtract(rint_to_int32(y), load(step->words + at));
}

ALWAYS_INLINE void apply_rule(const pqs_output_int32_step *step, size_t rows, vector *x) {
    if (step->rule == PQS_OUTPUT_HOLD) {
        const vector minimum = broadcast(&step->minimum), maximum = broadcast(&step->maximum);
        EACH_ROW x[r] = smaller(larger(x[r], minimum), maximum);
    } else if (step->rule == PQS_OUTPUT_WRAP && step->wrap_mask) {
        const vector mask = broadcast(&step->wrap_mask);
        EACH_ROW x[r] = both(x[r], mask);
    } else if (step->rule == PQS_OUTPUT_WRAP) {
        const vector by = broadcast(&step->wrap_shift);
        EACH_ROW x[r] = shift_right(shift_left(x[r], by), by);
    }
}

ALWAYS_INLINE void apply(const pqs_output_int32_step *step, size_t at, size_t rows, vector *x) {
    switch (step->form) {
    case PQS_OUTPUT_INT32_ADD: {
        const vector words = load(step->words + at);
        EACH_ROW x[r] = add(x[r], words);
        break;
    }
    case PQS_OUTPUT_INT32_SHIFT: shift(step, at, rows, x); break;
    case PQS_OUTPUT_INT32_MULTIPLY: multiply(step, at, rows, x); break;
    case PQS_OUTPUT_INT32_FLOAT:
        EACH_ROW x[r] = float_scale(step, at, x[r]);
        break;
    case PQS_OUTPUT_INT32_DOUBLE:
        EACH_ROW x[r] = double_scale(x[r], step->double_scale + at);
        break;
    case PQS_OUTPUT_INT32_LOOKUP: {
        const vector mask = broadcast(&step->lookup_mask);
        EACH_ROW x[r] = gather(step->lookup, both(x[r], mask));
        break;
    }
    case PQS_OUTPUT_INT32_CLAMP: break;
    }
    apply_rule(step, rows, x);
}

/* `count` <= LANES columns from `at` on, of one to ROWS rows. */
ALWAYS_INLINE void run_columns(const pqs_output_int32_step *steps, size_t step_count, size_t at,
                               size_t rows, size_t count, size_t stride, int32_t *values) {
    vector x[ROWS];
    if (count == LANES) {
        EACH_ROW x[r] = load(values + r * stride);
    } else {
        EACH_ROW x[r] = load_some(values + r * stride, count);
    }
    for (const pqs_output_int32_step *step = steps; step < steps + step_count; step++) {
        apply(step, at, rows, x);
    }
    if (count == LANES) {
        EACH_ROW store(values + r * stride, x[r]);
    } else {
        EACH_ROW store_some(values + r * stride, x[r], count);
    }
}

ALWAYS_INLINE void run_rows(const pqs_output_int32_step *steps, size_t step_count, size_t rows,
                            size_t count, size_t stride, int32_t *values) {
    size_t at = 0;
    for (; at + LANES <= count; at += LANES) {
        run_columns(steps, step_count, at, rows, LANES, stride, values + at);
    }
    if (at < count) run_columns(steps, step_count, at, rows, count - at, stride, values + at);
}

static void run_output(const pqs_output_int32_step *steps, size_t step_count, size_t rows,
                       size_t count, size_t stride, int32_t *values) {
    size_t row = 0;
    for (; row + ROWS <= rows; row += ROWS) {
        run_rows(steps, step_count, ROWS, count, stride, values + row * stride);
    }
    for (; row < rows; row++) {
        run_rows(steps, step_count, 1, count, stride, values + row * stride);
    }
}
