/* AccumulateLogs: sums of logarithms, log2(2^s + 2^p) ~ max(s, p) + 2^-|floor(s) - floor(p)|. */
#include "reference/reference.h"

/* The blocks are those of an Accumulate with one accumulator. */
pqs_accumulate pqs_log_blocks(const pqs_accumulate_logs *step) {
    return (pqs_accumulate){.range = step->range, .group = step->group, .interleave = 1};
}

/* s -> s where p < 0, p where s < 0, else max(s, p) + (2^G >> d), d = |(s >> G) - (p >> G)| */
static int64_t add(const pqs_accumulate_logs *step, pqs_range range, int64_t s, int64_t p,
                   int64_t position, pqs_observer *observer) {
    if (p < 0) {
        pqs_record(observer, position, 0, s, p, s, s);
        return s;
    }
    pqs_wide sum = p;
    if (s >= 0) {
        const int64_t difference = (s >> step->guard_bits) - (p >> step->guard_bits);
        const int64_t d = difference < 0 ? -difference : difference;
        const int64_t carry = d > step->guard_bits ? 0 : INT64_C(1) << (step->guard_bits - d);
        sum = (pqs_wide)(s > p ? s : p) + carry;
    }
    const int64_t after = pqs_write(&step->range, range, sum, sum, position, observer);
    pqs_record(observer, position, 1, s, p, sum, after);
    return after;
}

/* values[count] -> out, one a block; position[i]: of the accumulator after value i. */
void pqs_accumulate_log_values(const pqs_accumulate_logs *step, size_t count,
                               const int64_t *values, const int64_t *position, int64_t *out,
                               pqs_observer *observer) {
    const pqs_range range = pqs_register_range(&step->range);
    const pqs_accumulate blocks = pqs_log_blocks(step);
    const size_t block = step->group ? step->group : count;
    for (size_t j = 0; j < pqs_accumulate_count(&blocks, count); j++) out[j] = -1;
    for (size_t i = 0; i < count; i++) {
        int64_t *const s = out + i / block;
        *s = add(step, range, *s, values[i], position[i], observer);
    }
}
