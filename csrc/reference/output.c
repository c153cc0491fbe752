/* The output steps: each works on one output's value by itself; Merge first sums its chains. */
#include "reference/reference.h"

#include <float.h>
#include <math.h>

_Static_assert(FLT_EVAL_METHOD == 0, "products are rounded to float32 and to float64");

/* The values of one output (m, n), and where its overflows go. */
typedef struct {
    int64_t *values; /* chain c at values[c * chain_stride] */
    size_t chain_stride;
    size_t chains;
    size_t merged; /* chains that a Merge has summed: what it makes comes after all of them */
    size_t m;
    size_t n;
    int64_t m_number; /* of the whole, for places and random numbers */
    int64_t n_number;
    int32_t step_first;
    pqs_place *trap;
} output_value;

static int64_t data_at(const pqs_values *data, size_t chain, const output_value *at) {
    return data->at[chain * data->chain_stride + at->m * data->m_stride + at->n * data->n_stride];
}

/* The first trap by (m, n, chain, step); position carries the step, k the chain until the end. */
static void note_trap(const pqs_output_step *step, size_t chain, const output_value *at) {
    const pqs_place place = {1, at->m_number, at->n_number, step->index,
                             (int64_t)(at->merged + chain)};
    pqs_place *const first = at->trap;
    if (first->found) {
        if (first->m != place.m || first->n != place.n) return;
        if (first->k < place.k || (first->k == place.k && first->position <= place.position)) return;
    }
    *first = place;
}

static int64_t fit(const pqs_register *reg, pqs_quotient value, const pqs_output_step *step,
                   size_t chain, const output_value *at) {
    int overflows;
    const pqs_range range = pqs_register_range(reg);
    const int64_t held = pqs_fit(reg, range, value.rounded, value.floor, &overflows);
    if (overflows && reg->overflow == PQS_OVERFLOW_TRAP) note_trap(step, chain, at);
    return held;
}

static int64_t write_register(const pqs_output_step *step, pqs_wide value, size_t chain,
                              const output_value *at) {
    const pqs_quotient exact = {value, value};
    return fit(&step->range, exact, step, chain, at);
}

/* sum over chains of multiplier * value, from 0, the register at every addition */
static void merge(const pqs_output_step *step, output_value *at) {
    const pqs_range range = pqs_register_range(&step->range);
    const size_t chains = at->chains;
    int64_t sum = 0;
    at->merged = chains;
    for (size_t chain = 0; chain < chains; chain++) {
        const pqs_wide product = (pqs_wide)at->values[chain * at->chain_stride] *
                                 data_at(&step->data, chain, at);
        const pqs_wide next = sum + product;
        sum = write_register(step, next, 0, at);
        const int outside = next < range.minimum || next > range.maximum;
        if (outside && step->range.overflow == PQS_OVERFLOW_SATURATE_HOLD) break;
    }
    at->values[0] = sum;
    at->chains = 1;
}

/* What the data's shift s (positive: left, -64..64) adds to a right shift. */
static int32_t shift_part(int32_t part, int64_t s) {
    s = s < -64 ? -64 : s > 64 ? 64 : s;
    switch (part) {
    case PQS_SHIFT_ALL: return (int32_t)-s;
    case PQS_SHIFT_LEFT: return s > 0 ? (int32_t)-s : 0;
    case PQS_SHIFT_RIGHT: return s < 0 ? (int32_t)-s : 0;
    default: return 0;
    }
}

static int64_t narrow(const pqs_output_step *step, int64_t value, size_t chain,
                      const output_value *at) {
    const pqs_narrow *constant = &step->narrow;
    int64_t multiplier = constant->multiplier;
    int32_t shift = constant->shift;
    if (step->multiplier_from_data) multiplier = data_at(&step->data, chain, at);
    if (step->shift_part != PQS_SHIFT_NONE) {
        shift += shift_part(step->shift_part, data_at(&step->shift_data, chain, at));
    }
    const pqs_draw draw = {-1, at->n_number, at->m_number,
                           UINT32_C(256) * (uint32_t)(at->step_first + step->index)};
    const pqs_quotient quotient = pqs_round_quotient(
        (pqs_wide)value * multiplier, constant->divisor, shift, &constant->rounding, draw);
    return fit(&constant->range, quotient, step, chain, at);
}

static float float_at(const pqs_floats *data, const output_value *at) {
    return data->at[at->m * data->m_stride + at->n * data->n_stride];
}

/* rint(y), ties to even; saturated to int32; no number is the least */
static int64_t rint_to_int32(float y) {
    y = rintf(y);
    if (y >= 2147483648.0f) return INT32_MAX;
    if (!(y >= -2147483648.0f)) return INT32_MIN;
    return (int64_t)y;
}

/* rint(F(F(F(F(F(v) * scale) * second) + addend) * last)), F = round to float32, ties to even */
static int64_t float_scale(const pqs_output_step *step, int64_t value, const output_value *at) {
    float y = (float)value * float_at(&step->scale, at);
    if (step->second.at) y *= float_at(&step->second, at);
    if (step->addend.at) y += float_at(&step->addend, at);
    if (step->last.at) y *= float_at(&step->last, at);
    if (step->zero_point_before) {
        const int64_t zero_point = data_at(&step->data, 0, at);
        return pqs_wrap64((pqs_wide)rint_to_int32(y + (float)zero_point) - zero_point);
    }
    if (step->clamp_before) {
        const int64_t zero_point = data_at(&step->data, 0, at);
        y = fmaxf(y, (float)((pqs_wide)step->minimum - zero_point));
        y = fminf(y, (float)((pqs_wide)step->maximum - zero_point));
    }
    return rint_to_int32(y);
}

/* round(D(v) * scale), D = round to float64, ties to even; round: ties away; saturated to int32; no number is
 * the least */
static int64_t double_scale(const pqs_output_step *step, int64_t value, const output_value *at) {
    const pqs_doubles *scale = &step->double_scale;
    const double y =
        round((double)value * scale->at[at->m * scale->m_stride + at->n * scale->n_stride]);
    if (y >= 2147483648.0) return INT32_MAX;
    if (!(y >= -2147483648.0)) return INT32_MIN;
    return (int64_t)y;
}

static int64_t clamp(const pqs_output_step *step, int64_t value) {
    if (value < step->minimum) return step->minimum;
    return value > step->maximum ? step->maximum : value;
}

/* How many of the ascending thresholds t have value >= t. */
static int64_t count_thresholds(const pqs_output_step *step, int64_t value, size_t n) {
    const int64_t *thresholds = step->table + n * step->table_n_stride;
    size_t count = 0;
    while (count < step->table_size && value >= thresholds[count]) count++;
    return (int64_t)count;
}

/* (2^G + v mod 2^G) * 2^(v >> G): the straight line between powers of two; 0 for nothing */
static int64_t from_logs(int32_t guard_bits, int64_t value) {
    if (value < 0) return 0;
    const int64_t one = INT64_C(1) << guard_bits, exponent = value >> guard_bits;
    const pqs_wide mantissa = one + (value & (one - 1));
    return pqs_wrap64(pqs_shift_left(mantissa, exponent < 128 ? (int)exponent : 128));
}

static int64_t apply(const pqs_output_step *step, int64_t value, size_t chain,
                     const output_value *at) {
    switch (step->kind) {
    case PQS_OUTPUT_ADD:
        return write_register(step, (pqs_wide)value + data_at(&step->data, chain, at), chain, at);
    case PQS_OUTPUT_NARROW: return narrow(step, value, chain, at);
    case PQS_OUTPUT_FLOAT_SCALE: return float_scale(step, value, at);
    case PQS_OUTPUT_DOUBLE_SCALE: return double_scale(step, value, at);
    case PQS_OUTPUT_CLAMP: return clamp(step, value);
    case PQS_OUTPUT_FROM_LOGS: return from_logs(step->guard_bits, value);
    case PQS_OUTPUT_LOOKUP: return step->table[(uint64_t)value & (step->table_size - 1)];
    default: return count_thresholds(step, value, at->n);
    }
}

int pqs_output(const pqs_output_step *steps, size_t step_count, int32_t step_first,
               size_t chains, size_t m, size_t n, int64_t m_first, int64_t n_first,
               int64_t *values, pqs_place *trap) {
    if (!trap || (step_count && !steps) || (chains && m && n && !values)) return PQS_ERROR_NULL;
    for (size_t s = 0; s < step_count; s++) {
        if (!pqs_output_step_is_valid(&steps[s])) return PQS_ERROR_DATAPATH;
    }
    for (size_t i = 0; i < m * n; i++) {
        output_value at = {values + i, m * n, chains, 0, i / n, i % n,
                           m_first + (int64_t)(i / n), n_first + (int64_t)(i % n), step_first, trap};
        for (size_t s = 0; s < step_count; s++) {
            if (steps[s].kind == PQS_OUTPUT_MERGE) {
                merge(&steps[s], &at);
                continue;
            }
            for (size_t chain = 0; chain < at.chains; chain++) {
                int64_t *const value = at.values + chain * at.chain_stride;
                *value = apply(&steps[s], *value, chain, &at);
            }
        }
    }
    if (!trap->found) return PQS_OK;
    trap->k = -1;
    return PQS_TRAPPED;
}
