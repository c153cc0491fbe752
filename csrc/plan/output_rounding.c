/* Output steps as both of their kernels need them: addends that round, and shifts. */
#include "plan/output_rounding.h"

/* From which class of rest (0 zero, 1 below half, 2 half, 3 above) on a table rounds up, 4: none;
 * -1 where it rounds up some class and not all above it. */
int pqs_least_class(uint32_t table, int negative, int odd) {
    const uint32_t ups = table >> (8 * negative + 4 * odd) & 15;
    for (int least = 0; least <= 4; least++) {
        if (ups == (15u << least & 15)) return least;
    }
    return -1;
}

/* What to add so that flooring rounds up from a class on: rest + addend reaches 2^right. */
static int64_t addend_from(int least, int64_t right) {
    if (right == 0) return 0;
    const int64_t half = INT64_C(1) << (right - 1);
    const int64_t addends[] = {2 * half, 2 * half - 1, half, half - 1, 0};
    return addends[least];
}

void pqs_addends_of(uint32_t table, int64_t right, int64_t *addends) {
    const int64_t even = addend_from(pqs_least_class(table, 0, 0), right);
    const int64_t odd = addend_from(pqs_least_class(table, 0, 1), right);
    const int64_t negative = addend_from(pqs_least_class(table, 1, 0), right);
    const int64_t negative_odd = addend_from(pqs_least_class(table, 1, 1), right);
    addends[PQS_ADDEND] = even;
    addends[PQS_ADDEND_NEGATIVE] = negative - even;
    addends[PQS_ADDEND_ODD] = odd - even;
    /* Of shifts by 62 it may be 2^63: sums of addends are mod 2^64. */
    const uint64_t both = (uint64_t)negative_odd - (uint64_t)negative - (uint64_t)odd + (uint64_t)even;
    addends[PQS_ADDEND_BOTH] = (int64_t)both;
}

int64_t pqs_shift_at(const pqs_output_step *step, size_t m, size_t n) {
    const int64_t constant = step->narrow.shift;
    if (step->shift_part == PQS_SHIFT_NONE) return constant;
    const int64_t given = pqs_value_at(&step->shift_data, m, n);
    const int64_t s = given < -64 ? -64 : given > 64 ? 64 : given; /* as the reference takes it */
    if (step->shift_part == PQS_SHIFT_ALL) return constant - s;
    if (step->shift_part == PQS_SHIFT_LEFT) return constant - (s > 0 ? s : 0);
    return constant + (s < 0 ? -s : 0);
}

int64_t pqs_multiplier_at(const pqs_output_step *step, size_t m, size_t n) {
    return step->multiplier_from_data ? pqs_value_at(&step->data, m, n) : step->narrow.multiplier;
}
