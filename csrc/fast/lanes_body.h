/* The lanes kernel itself, written so that compilers turn every loop over lanes into vectors. */
#include "fast/lanes.h"

#include <string.h>

#define FOR_LANES for (int lane = 0; lane < PQS_LANES; lane++)

typedef struct {
    pqs_lane_values accumulator;
    size_t filled; /* values since the accumulator was cleared */
} lane_state;

static inline void multiply(size_t count, const pqs_lane_values *a, const int32_t *b,
                            pqs_lane_values *values) {
    for (size_t i = 0; i < count; i++) {
        FOR_LANES values[i][lane] = a[i][lane] * b[i];
    }
}

static inline void look_up(size_t count, const pqs_lane_values *a, const int32_t *b,
                           const int32_t *table, size_t table_stride, pqs_lane_values *values) {
    for (size_t i = 0; i < count; i++) {
        const int32_t *const row = table + (size_t)b[i] * table_stride;
        FOR_LANES values[i][lane] = row[a[i][lane]];
    }
}

static inline void see(const int32_t *value, int32_t *minimum, int32_t *maximum) {
    FOR_LANES minimum[lane] = value[lane] < minimum[lane] ? value[lane] : minimum[lane];
    FOR_LANES maximum[lane] = value[lane] > maximum[lane] ? value[lane] : maximum[lane];
}

/* The range rule; a lane whose value it changes has overflowed. */
static inline void apply_rule(const pqs_lane_step *step, enum pqs_lane_rule rule, int32_t *value,
                              int32_t *overflows) {
    pqs_lane_values held;
    if (rule == PQS_LANE_EXACT) return;
    if (rule == PQS_LANE_CLAMP) {
        FOR_LANES held[lane] = value[lane] < step->minimum ? step->minimum : value[lane];
        FOR_LANES held[lane] = held[lane] > step->maximum ? step->maximum : held[lane];
    } else if (step->wrap_mask) {
        FOR_LANES held[lane] = value[lane] & step->wrap_mask;
    } else {
        FOR_LANES held[lane] = (int32_t)((uint32_t)value[lane] << step->wrap_shift);
        FOR_LANES held[lane] = held[lane] >> step->wrap_shift;
    }
    FOR_LANES overflows[lane] += held[lane] != value[lane];
    FOR_LANES value[lane] = held[lane];
}

/* Add `count` values to the accumulator, the rule at every addition. */
static inline void add_run(const pqs_lane_step *step, enum pqs_lane_rule rule, size_t count,
                           const pqs_lane_values *values, int32_t *restrict accumulator,
                           int32_t *restrict minimum, int32_t *restrict maximum,
                           int32_t *restrict overflows) {
    pqs_lane_values sum, low, high, count_over;
    memcpy(sum, accumulator, sizeof sum);
    memcpy(low, minimum, sizeof low);
    memcpy(high, maximum, sizeof high);
    memcpy(count_over, overflows, sizeof count_over);
    for (size_t i = 0; i < count; i++) {
        FOR_LANES sum[lane] += values[i][lane];
        see(sum, low, high);
        apply_rule(step, rule, sum, count_over);
    }
    memcpy(accumulator, sum, sizeof sum);
    memcpy(minimum, low, sizeof low);
    memcpy(maximum, high, sizeof high);
    memcpy(overflows, count_over, sizeof count_over);
}

/* Compilers make one loop of each: the rule is a constant in it. */
static void add_values(const pqs_lane_step *step, size_t count, const pqs_lane_values *values,
                       int32_t *accumulator, int32_t *minimum, int32_t *maximum,
                       int32_t *overflows) {
    switch (step->rule) {
    case PQS_LANE_EXACT:
        add_run(step, PQS_LANE_EXACT, count, values, accumulator, minimum, maximum, overflows);
        break;
    case PQS_LANE_CLAMP:
        add_run(step, PQS_LANE_CLAMP, count, values, accumulator, minimum, maximum, overflows);
        break;
    default:
        add_run(step, PQS_LANE_WRAP, count, values, accumulator, minimum, maximum, overflows);
        break;
    }
}

/* Values in, sums of full groups out, in place; the last group stays in the state. */
static size_t accumulate(const pqs_lane_step *step, lane_state *state, size_t count,
                         pqs_lane_values *values, int32_t *minimum, int32_t *maximum,
                         int32_t *overflows) {
    size_t out = 0;
    for (size_t i = 0; i < count;) {
        const size_t room = step->group - state->filled;
        const size_t run = room < count - i ? room : count - i;
        add_values(step, run, (const pqs_lane_values *)(values + i), state->accumulator, minimum,
                   maximum, overflows);
        i += run;
        state->filled += run;
        if (state->filled == step->group) {
            memcpy(values[out++], state->accumulator, sizeof *values);
            memset(state, 0, sizeof *state);
        }
    }
    return out;
}

/* (v >> shift), plus 1 where table bit 8*(v<0) + 4*(floor odd) + remainder class is set. */
static void narrow(const pqs_lane_step *step, size_t count, pqs_lane_values *values,
                   int32_t *minimum, int32_t *maximum, int32_t *overflows) {
    const int shift = step->shift;
    const int32_t mask = shift ? (int32_t)((UINT32_C(1) << shift) - 1) : 0;
    const int32_t half = shift ? (int32_t)(UINT32_C(1) << (shift - 1)) : 0;
    for (size_t i = 0; i < count; i++) {
        int32_t *const value = values[i];
        if (shift && step->table) {
            FOR_LANES {
                const int32_t v = value[lane], floor = v >> shift, rest = v & mask;
                const int32_t class = (rest != 0) + (rest >= half) + (rest > half);
                const int32_t index = 8 * (v < 0) + 4 * (floor & 1) + class;
                value[lane] = floor + (int32_t)(step->table >> index & 1);
            }
        } else {
            FOR_LANES value[lane] >>= shift;
        }
        see(value, minimum, maximum);
        apply_rule(step, step->rule, value, overflows);
    }
}

/* Run `count` values from step `first` on; each step's output is the next one's input. */
static void run_steps(const pqs_lane_step *steps, size_t first, size_t step_count,
                      lane_state *states, size_t count, pqs_lane_values *values,
                      pqs_lane_result *result) {
    for (size_t s = first; s < step_count && count; s++) {
        if (steps[s].is_accumulate) {
            count = accumulate(&steps[s], &states[s], count, values, result->minimum[s],
                               result->maximum[s], result->overflows[s]);
        } else {
            narrow(&steps[s], count, values, result->minimum[s], result->maximum[s],
                   result->overflows[s]);
        }
    }
    if (count) memcpy(result->out, values[0], sizeof result->out);
}

static void run_lanes(const pqs_lane_step *steps, size_t step_count, size_t slots,
                      const pqs_lane_values *a, const int32_t *b, const int32_t *table,
                      size_t table_stride, const int32_t *bias, pqs_lane_result *result) {
    pqs_lane_values values[PQS_LANES_CHUNK];
    lane_state states[PQS_LANES_MAX_STEPS];
    memset(states, 0, sizeof states);
    for (size_t s = 0; s < step_count; s++) {
        FOR_LANES result->minimum[s][lane] = INT32_MAX;
        FOR_LANES result->maximum[s][lane] = INT32_MIN;
        memset(result->overflows[s], 0, sizeof result->overflows[s]);
        if (steps[s].start_bias) memcpy(states[s].accumulator, bias, sizeof(pqs_lane_values));
    }
    for (size_t first = 0; first < slots; first += PQS_LANES_CHUNK) {
        const size_t left = slots - first;
        const size_t count = left < PQS_LANES_CHUNK ? left : PQS_LANES_CHUNK;
        if (table) {
            look_up(count, a + first, b + first, table, table_stride, values);
        } else {
            multiply(count, a + first, b + first, values);
        }
        run_steps(steps, 0, step_count, states, count, values, result);
    }
    for (size_t s = 0; s < step_count; s++) { /* what is left in the accumulators, first to last */
        if (!steps[s].is_accumulate) continue;
        if (steps[s].group != SIZE_MAX && states[s].filled == 0) continue;
        memcpy(values[0], states[s].accumulator, sizeof values[0]);
        if (s + 1 == step_count) memcpy(result->out, values[0], sizeof result->out);
        run_steps(steps, s + 1, step_count, states, 1, values, result);
    }
}
