/* The output kernel itself, written so that compilers turn every loop over columns into vectors. */
#include "fast/output.h"
#include "pyqsim.h"

#include <math.h>

#define FOR_COLUMNS for (size_t i = 0; i < count; i++)

static inline void apply_rule(const pqs_output_columns *step, size_t count,
                              int64_t *restrict value) {
    if (step->rule == PQS_OUTPUT_HOLD) {
        const int64_t minimum = step->minimum, maximum = step->maximum;
        FOR_COLUMNS value[i] = value[i] < minimum ? minimum : value[i];
        FOR_COLUMNS value[i] = value[i] > maximum ? maximum : value[i];
    } else if (step->rule == PQS_OUTPUT_WRAP && step->wrap_mask) {
        FOR_COLUMNS value[i] &= step->wrap_mask;
    } else if (step->rule == PQS_OUTPUT_WRAP) {
        const int shift = step->wrap_shift;
        FOR_COLUMNS value[i] = (int64_t)((uint64_t)value[i] << shift) >> shift;
    }
}

/* 1 where x < 0: a shift, because compilers make no vectors of comparisons used as numbers. */
static inline uint64_t sign(int64_t x) { return (uint64_t)x >> 63; }

/* floor(v * m * 2^left / 2^right), plus 1 where table bit 8*(v*m<0) + 4*(floor odd) + class is set;
 * class of the rest: 0 zero, 1 below half, 2 half, 3 above. Without a right shift nothing rounds. */
static inline void narrow(const pqs_output_columns *step, size_t count, int64_t *restrict value) {
    const uint64_t table = step->table;
    FOR_COLUMNS {
        const uint64_t product = (uint64_t)value[i] * (uint64_t)step->data[i];
        const int64_t p = (int64_t)(product << step->left[i]);
        const int64_t right = step->right[i];
        const int64_t half = (INT64_C(1) << right) >> 1;
        const int64_t floor = p >> right, rest = p & ((INT64_C(1) << right) - 1);
        const uint64_t class = sign(-rest) + 1 - sign(rest - half) + sign(half - rest);
        const uint64_t index = 8 * sign(p) + 4 * ((uint64_t)floor & 1) + class;
        value[i] = floor + (int64_t)(table >> index & sign(-right));
    }
}

/* floor((v * m * 2^left + addend) / 2^right) */
static inline void narrow_by_addend(const pqs_output_columns *step, size_t count,
                                    int64_t *restrict value) {
    const int64_t *const addend = step->addends[PQS_ADDEND];
    const int64_t *const if_odd = step->addends[PQS_ADDEND_ODD];
    const int64_t *const if_negative = step->addends[PQS_ADDEND_NEGATIVE];
    FOR_COLUMNS {
        const uint64_t product = (uint64_t)value[i] * (uint64_t)step->data[i];
        value[i] = (int64_t)(product << step->left[i]);
    }
    if (step->rounding == PQS_OUTPUT_BY_SIGN) {
        FOR_COLUMNS value[i] += addend[i] + (if_negative[i] & -(int64_t)sign(value[i]));
    } else if (step->rounding == PQS_OUTPUT_BY_PARITY) {
        FOR_COLUMNS value[i] += addend[i] + (if_odd[i] & -(value[i] >> step->right[i] & 1));
    } else {
        FOR_COLUMNS value[i] += addend[i];
    }
    FOR_COLUMNS value[i] >>= step->right[i];
}

static inline void float_scale(const pqs_output_columns *step, size_t count,
                               int64_t *restrict value) {
    float y[PQS_OUTPUT_COLUMNS];
    FOR_COLUMNS y[i] = (float)value[i] * step->scale[i];
    if (step->clamp_before) {
        FOR_COLUMNS y[i] = y[i] >= step->low[i] ? y[i] : step->low[i];
        FOR_COLUMNS y[i] = y[i] > step->high[i] ? step->high[i] : y[i];
    }
    FOR_COLUMNS {
        /* int64 holds both limits, and the largest float below the upper one. */
        const float limited = y[i] >= -2147483648.0f ? y[i] : -2147483648.0f;
        const float rounded = rintf(limited > 2147483648.0f ? 2147483648.0f : limited);
        const int64_t whole = (int64_t)rounded;
        value[i] = whole > INT32_MAX ? INT32_MAX : whole;
    }
}

static inline __attribute__((always_inline)) void
run_steps(const pqs_output_columns *steps, size_t step_count, size_t count, int64_t *values) {
    for (const pqs_output_columns *step = steps; step < steps + step_count; step++) {
        switch (step->kind) {
        case PQS_OUTPUT_ADD:
            FOR_COLUMNS values[i] += step->data[i];
            break;
        case PQS_OUTPUT_NARROW:
            if (step->rounding == PQS_OUTPUT_BY_TABLE) {
                narrow(step, count, values);
            } else {
                narrow_by_addend(step, count, values);
            }
            break;
        case PQS_OUTPUT_FLOAT_SCALE: float_scale(step, count, values); break;
        case PQS_OUTPUT_LOOKUP:
            FOR_COLUMNS values[i] = step->lookup[(uint64_t)values[i] & step->lookup_mask];
            break;
        default: break; /* CLAMP is its rule */
        }
        apply_rule(step, count, values);
    }
}

/* Compilers make one loop of the full count: it is a constant in it. */
static void run_output(const pqs_output_columns *steps, size_t step_count, size_t count,
                       int64_t *values) {
    if (count == PQS_OUTPUT_COLUMNS) {
        run_steps(steps, step_count, PQS_OUTPUT_COLUMNS, values);
    } else {
        run_steps(steps, step_count, count, values);
    }
}
