/* pqs_output by the output kernel: the steps lowered, their data laid out by columns. */
#include "fast/output.h"
#include "plan/output_rounding.h"
#include "plan/plan.h"

/* ---- what the kernel can do ----------------------------------------------------------------- */

/* The caller's proof makes the rules of a 64-bit register, and of one wider than its values, exact. */
int pqs_lower_register(const pqs_register *reg, pqs_output_columns *to) {
    const pqs_range range = pqs_register_range(reg);
    to->rule = PQS_OUTPUT_EXACT;
    if (reg->bits == 0 || reg->bits == 64) return reg->overflow != PQS_OVERFLOW_TRAP;
    to->minimum = (int64_t)range.minimum;
    to->maximum = (int64_t)range.maximum;
    switch (reg->overflow) {
    case PQS_OVERFLOW_SATURATE:
    case PQS_OVERFLOW_SATURATE_SYMMETRIC: to->rule = PQS_OUTPUT_HOLD; return 1;
    case PQS_OVERFLOW_WRAP:
        to->rule = PQS_OUTPUT_WRAP;
        to->wrap_shift = 64 - reg->bits;
        to->wrap_mask = reg->is_signed ? 0 : to->maximum;
        return 1;
    default: return 0;
    }
}

static enum pqs_output_rounding rounding_of(uint32_t table) {
    const int even = pqs_least_class(table, 0, 0), odd = pqs_least_class(table, 0, 1);
    const int negative_even = pqs_least_class(table, 1, 0);
    const int negative_odd = pqs_least_class(table, 1, 1);
    if (even < 0 || odd < 0 || negative_even < 0 || negative_odd < 0) return PQS_OUTPUT_BY_TABLE;
    const int by_parity = even != odd || negative_even != negative_odd;
    const int by_sign = even != negative_even || odd != negative_odd;
    if (by_parity && by_sign) return PQS_OUTPUT_BY_TABLE;
    return by_parity ? PQS_OUTPUT_BY_PARITY : by_sign ? PQS_OUTPUT_BY_SIGN : PQS_OUTPUT_BY_NOTHING;
}

static int lower_step(const pqs_output_step *from, pqs_output_columns *to) {
    to->kind = from->kind;
    to->rule = PQS_OUTPUT_EXACT;
    switch (from->kind) {
    case PQS_OUTPUT_ADD: return pqs_lower_register(&from->range, to);
    case PQS_OUTPUT_NARROW:
        to->table = from->narrow.rounding.table;
        to->rounding = rounding_of(to->table);
        if (from->narrow.divisor != 1 || from->narrow.rounding.stochastic) return 0;
        return pqs_lower_register(&from->narrow.range, to);
    case PQS_OUTPUT_FLOAT_SCALE:
        to->clamp_before = from->clamp_before;
        return !(from->zero_point_before || from->second.at || from->addend.at || from->last.at);
    case PQS_OUTPUT_CLAMP:
        to->rule = PQS_OUTPUT_HOLD;
        to->minimum = from->minimum;
        to->maximum = from->maximum;
        return 1;
    case PQS_OUTPUT_LOOKUP:
        to->lookup = from->table;
        to->lookup_mask = from->table_size - 1;
        return 1;
    default: return 0;
    }
}

/* ---- data by columns ------------------------------------------------------------------------ */

static int shifts_fit(const pqs_output_step *step, size_t m, size_t n) {
    const size_t rows = step->shift_part && step->shift_data.m_stride ? m : 1;
    const size_t columns = step->shift_part && step->shift_data.n_stride ? n : 1;
    for (size_t i = 0; i < rows * columns; i++) {
        const int64_t shift = pqs_shift_at(step, i / columns, i % columns);
        if (shift < -PQS_OUTPUT_MAX_SHIFT || shift > PQS_OUTPUT_MAX_SHIFT) return 0;
    }
    return 1;
}

static int varies_by_row(const pqs_output_step *step) {
    return step->data.m_stride || step->shift_data.m_stride || step->scale.m_stride;
}

/* The column of value i of several rows one after the other. */
static inline size_t column_of(size_t i, size_t columns) { return i < columns ? i : i % columns; }

static void load_float_scale(const pqs_output_step *from, size_t row, size_t first, size_t count,
                             size_t columns, pqs_output_columns *to) {
    for (size_t i = 0; i < count; i++) {
        const size_t n = column_of(first + i, columns);
        to->scale[i] = from->scale.at[row * from->scale.m_stride + n * from->scale.n_stride];
        if (!from->clamp_before) continue;
        const int64_t zero_point = pqs_value_at(&from->data, row, n);
        to->low[i] = (float)((pqs_wide)from->minimum - zero_point);
        to->high[i] = (float)((pqs_wide)from->maximum - zero_point);
    }
}

static void load_columns(const pqs_output_step *from, size_t row, size_t first, size_t count,
                         size_t columns, pqs_output_columns *to) {
    if (from->kind == PQS_OUTPUT_FLOAT_SCALE) {
        load_float_scale(from, row, first, count, columns, to);
    }
    if (from->kind == PQS_OUTPUT_ADD) {
        for (size_t i = 0; i < count; i++) {
            to->data[i] = pqs_value_at(&from->data, row, column_of(first + i, columns));
        }
    }
    if (from->kind != PQS_OUTPUT_NARROW) return;
    for (size_t i = 0; i < count; i++) {
        const size_t n = column_of(first + i, columns);
        const int64_t shift = pqs_shift_at(from, row, n);
        to->data[i] = pqs_multiplier_at(from, row, n);
        to->left[i] = shift < 0 ? -shift : 0;
        to->right[i] = shift > 0 ? shift : 0;
        if (to->rounding == PQS_OUTPUT_BY_TABLE) continue;
        int64_t addends[PQS_ADDENDS];
        pqs_addends_of(to->table, to->right[i], addends);
        for (int a = 0; a < PQS_ADDENDS; a++) to->addends[a][i] = addends[a];
    }
}

/* ---- the call ------------------------------------------------------------------------------- */

/* Columns of one row: 64 bits wide while the steps run. */
static void run_int32(pqs_output_kernel *kernel, const pqs_output_columns *lowered,
                      size_t step_count, size_t count, int32_t *values) {
    int64_t wide[PQS_OUTPUT_COLUMNS];
    for (size_t i = 0; i < count; i++) wide[i] = values[i];
    kernel(lowered, step_count, count, wide);
    for (size_t i = 0; i < count; i++) values[i] = (int32_t)wide[i];
}

/* One of the two arrays of values is null. */
static int run_lanes(int isa, const pqs_output_step *steps, size_t step_count, size_t m, size_t n,
                     int64_t *values, int32_t *narrow_values) {
    if ((step_count && !steps) || (m && n && !values && !narrow_values)) return PQS_ERROR_NULL;
    pqs_output_kernel *const kernel = pqs_output_for(isa);
    if (!kernel || step_count > PQS_OUTPUT_MAX_STEPS) return PQS_ERROR_NO_KERNEL;
    pqs_output_columns lowered[PQS_OUTPUT_MAX_STEPS];
    int by_row = 0;
    for (size_t s = 0; s < step_count; s++) {
        if (!pqs_output_step_is_valid(&steps[s])) return PQS_ERROR_DATAPATH;
        if (!lower_step(&steps[s], &lowered[s])) return PQS_ERROR_NO_KERNEL;
        if (steps[s].kind == PQS_OUTPUT_NARROW && !shifts_fit(&steps[s], m, n)) {
            return PQS_ERROR_NO_KERNEL;
        }
        by_row |= varies_by_row(&steps[s]);
    }
    /* Rows that no step tells apart, and that are short, go through the steps together. */
    const size_t together = by_row || !n || n > PQS_OUTPUT_COLUMNS ? 1 : PQS_OUTPUT_COLUMNS / n;
    const size_t width = n * together, lines = m / together + (m % together != 0);
    for (size_t first = 0; first < width; first += PQS_OUTPUT_COLUMNS) {
        const size_t left = width - first;
        const size_t full = left < PQS_OUTPUT_COLUMNS ? left : PQS_OUTPUT_COLUMNS;
        for (size_t line = 0; line < lines; line++) {
            for (size_t s = 0; s < step_count && (line == 0 || by_row); s++) {
                if (line == 0 || varies_by_row(&steps[s])) {
                    load_columns(&steps[s], line, first, full, n, &lowered[s]);
                }
            }
            const size_t at = line * width + first, count = m * n - at < full ? m * n - at : full;
            if (narrow_values) {
                run_int32(kernel, lowered, step_count, count, narrow_values + at);
            } else {
                kernel(lowered, step_count, count, values + at);
            }
        }
    }
    return PQS_OK;
}

int pqs_output_lanes(int isa, const pqs_output_step *steps, size_t step_count, size_t m, size_t n,
                     int64_t *values) {
    return run_lanes(isa, steps, step_count, m, n, values, NULL);
}

int pqs_output_lanes_int32(int isa, const pqs_output_step *steps, size_t step_count, size_t m,
                           size_t n, int32_t *values) {
    return run_lanes(isa, steps, step_count, m, n, NULL, values);
}
