/* Narrow: v -> round(v * multiplier / (divisor * 2^shift)), then the range rule. */
#include "reference/reference.h"

int64_t pqs_narrow_value(const pqs_narrow *step, pqs_range range, int64_t value, pqs_draw draw,
                         pqs_observer *observer) {
    const pqs_wide numerator = (pqs_wide)value * step->multiplier;
    const pqs_quotient quotient =
        pqs_round_quotient(numerator, step->divisor, step->shift, &step->rounding, draw);
    const int64_t after =
        pqs_write(&step->range, range, quotient.rounded, quotient.floor, draw.position, observer);
    pqs_record(observer, draw.position, 1, 0, value, quotient.rounded, after);
    return after;
}

int pqs_narrow_array(const pqs_narrow *step, size_t count, const int64_t *x, int64_t *out,
                     int64_t *overflows, pqs_place *trap) {
    if (!step || !overflows || !trap || (count && (!x || !out))) return PQS_ERROR_NULL;
    if (!pqs_narrow_is_valid(step)) return PQS_ERROR_DATAPATH;
    pqs_step_events events = {0};
    pqs_observer observer = {&events, NULL, NULL, 0, 0, NULL};
    const pqs_range range = pqs_register_range(&step->range);
    for (size_t i = 0; i < count; i++) {
        observer.n = (int64_t)i;
        const pqs_draw draw = {-1, (int64_t)i, 0, 0};
        out[i] = pqs_narrow_value(step, range, x[i], draw, &observer);
    }
    *overflows = events.overflows;
    *trap = events.trap;
    return trap->found ? PQS_TRAPPED : PQS_OK;
}
