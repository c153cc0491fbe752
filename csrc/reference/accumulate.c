/* Accumulate: sums of blocks of values, the range rule acting at every addition. */
#include "reference/reference.h"

/* How many values leave when `count` values enter. */
size_t pqs_accumulate_count(const pqs_accumulate *step, size_t count) {
    if (step->spill_count) return 1;
    if (!step->group) return step->interleave;
    const size_t block = step->group * step->interleave;
    return (count / block + (count % block != 0)) * step->interleave;
}

/* accumulator -> range rule(accumulator + value); a held rail stays. */
static int64_t add(const pqs_accumulate *step, pqs_range range, int64_t accumulator, int64_t value,
                   int64_t *held, int64_t position, pqs_observer *observer) {
    if (*held) {
        pqs_record(observer, position, 0, accumulator, value, accumulator, accumulator);
        return accumulator;
    }
    const pqs_wide sum = (pqs_wide)accumulator + value;
    if (step->range.overflow == PQS_OVERFLOW_SATURATE_HOLD) {
        *held = sum < range.minimum || sum > range.maximum;
    }
    const int64_t after = pqs_write(&step->range, range, sum, sum, position, observer);
    pqs_record(observer, position, 1, accumulator, value, sum, after);
    return after;
}

/* One accumulator that is never cleared: after every `group` additions, and after the last, its
 * value goes through the spill steps and the sum goes on from the result. */
static int64_t accumulate_with_spill(const pqs_accumulate *step, size_t count,
                                     const int64_t *values, const int64_t *position,
                                     int64_t start, uint32_t tag, pqs_observer *observer) {
    const pqs_range range = pqs_register_range(&step->range);
    int64_t accumulator = start, held = 0;
    for (size_t i = 0; i < count; i++) {
        accumulator = add(step, range, accumulator, values[i], &held, position[i], observer);
        if ((i + 1) % step->group && i + 1 < count) continue;
        for (size_t j = 0; j < step->spill_count; j++) {
            const pqs_draw draw = {position[i], observer->n, observer->m, tag + (uint32_t)j};
            const pqs_range spill_range = pqs_register_range(&step->spill[j].range);
            if (observer->tracer) observer->tracer->spill = (int32_t)j + 1;
            accumulator =
                pqs_narrow_value(&step->spill[j], spill_range, accumulator, draw, observer);
        }
        if (observer->tracer) observer->tracer->spill = 0;
    }
    return accumulator;
}

/* values[count] -> out[pqs_accumulate_count]. position[i]: of the accumulator after value i.
 * held: scratch for `interleave` numbers. */
void pqs_accumulate_values(const pqs_accumulate *step, size_t count, const int64_t *values,
                           const int64_t *position, int64_t bias, uint32_t tag, int64_t *out,
                           int64_t *held, pqs_observer *observer) {
    const int64_t start = step->start_bias ? bias : 0;
    if (step->spill_count) {
        out[0] = accumulate_with_spill(step, count, values, position, start, tag, observer);
        return;
    }
    const pqs_range range = pqs_register_range(&step->range);
    const size_t interleave = step->interleave;
    const size_t block = step->group ? step->group * interleave : count;
    const size_t blocks = pqs_accumulate_count(step, count) / interleave;

    for (size_t first = 0, number = 0; number < blocks; first += block, number++) {
        int64_t *accumulators = out + number * interleave;
        for (size_t j = 0; j < interleave; j++) accumulators[j] = held[j] = 0;
        if (number == 0) accumulators[0] = start;
        const size_t length = count - first < block ? count - first : block;
        for (size_t i = 0, j = 0; i < length; i++, j = j + 1 == interleave ? 0 : j + 1) {
            accumulators[j] = add(step, range, accumulators[j], values[first + i], &held[j],
                                  position[first + i], observer);
        }
    }
}

/* The same blocks for positions: the last real term inside each accumulator.
 * position[i]: after value i; out[j]: of the values that leave. */
void pqs_accumulate_positions(const pqs_accumulate *step, size_t count, const int64_t *values,
                              int64_t *position, int64_t *out) {
    const size_t interleave = step->interleave;
    const size_t block = step->group && !step->spill_count ? step->group * interleave : count;
    const size_t blocks = pqs_accumulate_count(step, count) / interleave;

    for (size_t j = 0; j < blocks * interleave; j++) out[j] = -1;
    for (size_t i = 0; i < count; i++) {
        int64_t *accumulator = out + i / block * interleave + i % block % interleave;
        if (values[i] > *accumulator) *accumulator = values[i];
        position[i] = *accumulator;
    }
}
