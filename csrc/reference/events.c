/* What overflowed, how often, and where first. */
#include "reference/reference.h"

static pqs_wide from_words(pqs_words w) {
    return (pqs_wide)((pqs_uwide)(uint64_t)w.high << 64 | w.low);
}

static pqs_words to_words(pqs_wide v) {
    return (pqs_words){(int64_t)((pqs_uwide)v >> 64), (uint64_t)v};
}

static int comes_before(const pqs_place *x, const pqs_place *y) {
    if (x->m != y->m) return x->m < y->m;
    if (x->n != y->n) return x->n < y->n;
    return x->position < y->position;
}

static void keep_first(pqs_place *first, const pqs_place *place) {
    if (!first->found || comes_before(place, first)) *first = *place;
}

void pqs_see(pqs_observer *observer, pqs_wide value) {
    pqs_step_events *events = observer->events;
    if (!events->seen || value < from_words(events->minimum)) events->minimum = to_words(value);
    if (!events->seen || value > from_words(events->maximum)) events->maximum = to_words(value);
    events->seen = 1;
}

void pqs_note_overflow(pqs_observer *observer, const pqs_register *reg, int64_t position) {
    const int64_t *order = observer->order;
    const int64_t k = position < 0 || !order ? position : order[position];
    const pqs_place place = {1, observer->m, observer->n, position, k};
    observer->events->overflows++;
    if (observer->count) ++*observer->count;
    keep_first(&observer->events->first, &place);
    if (reg->overflow == PQS_OVERFLOW_TRAP) keep_first(&observer->events->trap, &place);
}

/* The range rule, seen and counted. */
int64_t pqs_write(const pqs_register *reg, pqs_range range, pqs_wide value, pqs_wide floor,
                  int64_t position, pqs_observer *observer) {
    int overflows;
    pqs_see(observer, value);
    const int64_t held = pqs_fit(reg, range, value, floor, &overflows);
    if (overflows) pqs_note_overflow(observer, reg, position);
    return held;
}
