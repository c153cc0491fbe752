/* pqs_reduce by the lanes kernel: packing, product tables, events; what it cannot do is refused. */
#include "plan/plan.h"
#include "reference/reference.h"

#include <string.h>

#define TABLE_LIMIT 65536 /* entries of a product table */
#define B_LIMIT 256       /* distinct elements of b in a product table */

/* ---- the steps ------------------------------------------------------------------------------ */

/* int32 is proven to hold every sum and every value, so a wider register never overflows upwards,
 * and a signed one never downwards. */
static int lower_register(const pqs_register *reg, pqs_lane_step *step) {
    const pqs_range range = pqs_register_range(reg);
    if (reg->overflow == PQS_OVERFLOW_SATURATE_HOLD) return 0;
    if (reg->bits == 0 || (reg->is_signed && reg->bits > 32)) {
        step->rule = PQS_LANE_EXACT;
        return 1;
    }
    step->minimum = (int32_t)range.minimum;
    step->maximum = range.maximum > INT32_MAX ? INT32_MAX : (int32_t)range.maximum;
    switch (reg->overflow) {
    case PQS_OVERFLOW_SATURATE:
    case PQS_OVERFLOW_SATURATE_SYMMETRIC: step->rule = PQS_LANE_CLAMP; return 1;
    case PQS_OVERFLOW_WRAP:
    case PQS_OVERFLOW_TRAP:
        step->rule = PQS_LANE_WRAP;
        step->wrap_shift = 32 - reg->bits;
        step->wrap_mask = reg->is_signed ? 0 : step->maximum;
        return reg->is_signed || reg->bits < 32;
    default: return 0;
    }
}

static int lower_step(const pqs_step *from, pqs_lane_step *to) {
    if (from->kind == PQS_STEP_NARROW) {
        const pqs_narrow *narrow = &from->narrow;
        if (narrow->multiplier != 1 || narrow->divisor != 1 || narrow->rounding.stochastic) return 0;
        if (narrow->shift < 0 || narrow->shift > 31) return 0;
        *to = (pqs_lane_step){.shift = narrow->shift, .table = narrow->rounding.table};
        return lower_register(&narrow->range, to);
    }
    if (from->kind != PQS_STEP_ACCUMULATE) return 0;
    const pqs_accumulate *sum = &from->accumulate;
    if (sum->interleave != 1 || sum->spill_count) return 0;
    *to = (pqs_lane_step){.is_accumulate = 1,
                          .group = sum->group ? sum->group : SIZE_MAX,
                          .start_bias = sum->start_bias != 0};
    return lower_register(&sum->range, to);
}

static int lower_steps(const pqs_step *steps, size_t step_count, pqs_lane_step *lowered) {
    if (step_count < 1 || step_count > PQS_LANES_MAX_STEPS) return 0;
    for (size_t s = 0; s < step_count; s++) {
        if (!lower_step(&steps[s], &lowered[s])) return 0;
    }
    return lowered[step_count - 1].is_accumulate || step_count > 1;
}

/* ---- packing -------------------------------------------------------------------------------- */

/* The call, and where its packed operands stand in the scratch. */
typedef struct {
    const pqs_product *product;
    size_t m, n, slots;
    const int64_t *order;
    const int64_t *a;
    size_t a_stride;
    const int64_t *b;
    size_t b_stride;
    const pqs_values *a_zero_point, *b_zero_point, *bias;
    int32_t *b_packed;         /* n rows of `slots`: elements, or indices into the table */
    pqs_lane_values *a_packed; /* `slots` vectors: elements, or elements - a_low */
    int32_t *table;            /* distinct elements of b, and one row of zeros for holes */
    size_t table_stride;       /* 0: no table, the kernel multiplies */
    int64_t a_low;
} call;

static int64_t a_element(const call *c, size_t row, size_t slot) {
    const int64_t k = c->order ? c->order[slot] : (int64_t)slot;
    if (k < 0) return 0;
    return pqs_subtract64(c->a[row * c->a_stride + (size_t)k],
                          pqs_value_at(c->a_zero_point, row, 0));
}

static int64_t b_element(const call *c, size_t column, size_t slot) {
    const int64_t k = c->order ? c->order[slot] : (int64_t)slot;
    if (k < 0) return 0;
    return pqs_subtract64(c->b[column * c->b_stride + (size_t)k],
                          pqs_value_at(c->b_zero_point, 0, column));
}

static int is_hole(const call *c, size_t slot) { return c->order && c->order[slot] < 0; }

static void pack_a(const call *c, size_t first, size_t rows) {
    for (size_t lane = 0; lane < PQS_LANES; lane++) {
        const size_t row = first + (lane < rows ? lane : rows - 1);
        for (size_t slot = 0; slot < c->slots; slot++) {
            const int64_t x = is_hole(c, slot) ? c->a_low : a_element(c, row, slot);
            c->a_packed[slot][lane] = (int32_t)(x - c->a_low);
        }
    }
}

static void pack_bias(const call *c, size_t first, size_t rows, size_t column, int32_t *start) {
    for (size_t lane = 0; lane < PQS_LANES; lane++) {
        const size_t row = first + (lane < rows ? lane : rows - 1);
        start[lane] = (int32_t)pqs_value_at(c->bias, row, column);
    }
}

static void pack_b(const call *c) {
    for (size_t column = 0; column < c->n; column++) {
        for (size_t slot = 0; slot < c->slots; slot++) {
            c->b_packed[column * c->slots + slot] = (int32_t)b_element(c, column, slot);
        }
    }
}

/* Position of `value` in an ascending list, or where it would stand. */
static size_t position_of(const int64_t *list, size_t length, int64_t value) {
    size_t low = 0;
    while (low < length) {
        const size_t middle = (low + length) / 2;
        if (list[middle] < value) {
            low = middle + 1;
        } else {
            length = middle;
        }
    }
    return low;
}

/* The distinct elements of b, ascending; 0: more than B_LIMIT of them. */
static size_t distinct_elements(const call *c, int64_t *list) {
    size_t length = 0;
    for (size_t i = 0; i < c->n * c->slots; i++) {
        const int64_t value = b_element(c, i / c->slots, i % c->slots);
        const size_t at = position_of(list, length, value);
        if (at < length && list[at] == value) continue;
        if (length == B_LIMIT) return 0;
        memmove(list + at + 1, list + at, (length - at) * sizeof *list);
        list[at] = value;
        length++;
    }
    return length;
}

/* Tabulate the product over all pairs of elements that occur, by the reference's own function. */
static int tabulate(call *c) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (size_t i = 0; i < c->m * c->slots; i++) {
        if (is_hole(c, i % c->slots)) continue;
        const int64_t value = a_element(c, i / c->slots, i % c->slots);
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    if (low > high) low = high = 0;
    if (high - low >= TABLE_LIMIT || low < INT32_MIN || high > INT32_MAX) return 0;

    int64_t list[B_LIMIT];
    const size_t distinct = distinct_elements(c, list);
    const size_t width = (size_t)(high - low) + 1;
    if (!distinct || (distinct + 1) * width > TABLE_LIMIT) return 0;
    for (size_t i = 0; i < distinct; i++) {
        for (size_t j = 0; j < width; j++) {
            const int64_t x = low + (int64_t)j;
            int64_t term;
            pqs_products(c->product, 1, NULL, &x, &list[i], 0, 0, 0, 0, &term);
            c->table[i * width + j] = (int32_t)term;
        }
    }
    memset(c->table + distinct * width, 0, width * sizeof *c->table);
    for (size_t i = 0; i < c->n * c->slots; i++) {
        const size_t column = i / c->slots, slot = i % c->slots;
        const size_t index = is_hole(c, slot)
                                 ? distinct
                                 : position_of(list, distinct, b_element(c, column, slot));
        c->b_packed[i] = (int32_t)index;
    }
    c->table_stride = width;
    c->a_low = low;
    return 1;
}

static int pack(call *c) {
    const pqs_product *product = c->product;
    const int exact_shift = product->kind == PQS_PRODUCT_SHIFT && product->drop == 0;
    if (product->kind == PQS_PRODUCT_MULTIPLY || exact_shift) {
        pack_b(c);
        return 1;
    }
    if (product->kind == PQS_PRODUCT_SHIFT && product->rounding.stochastic) return 0;
    if (product->kind == PQS_PRODUCT_LOOKUP && product->table_k) return 0;
    return tabulate(c);
}

/* ---- events --------------------------------------------------------------------------------- */

static pqs_words words_of(int32_t value) {
    return (pqs_words){value < 0 ? -1 : 0, (uint64_t)(int64_t)value};
}

/* Lanes beyond `rows` repeat the last row: their extremes are its own, their counts are ignored. */
static void add_events(const pqs_lane_result *result, size_t step, size_t rows,
                       pqs_step_events *events, int64_t *counts, size_t counts_stride) {
    const int32_t *const low = result->minimum[step], *const high = result->maximum[step];
    for (size_t lane = 0; lane < rows; lane++) {
        if (low[lane] <= high[lane]) {
            if (!events->seen || low[lane] < (int64_t)events->minimum.low) {
                events->minimum = words_of(low[lane]);
            }
            if (!events->seen || high[lane] > (int64_t)events->maximum.low) {
                events->maximum = words_of(high[lane]);
            }
            events->seen = 1;
        }
        events->overflows += result->overflows[step][lane];
        if (counts) counts[lane * counts_stride] += result->overflows[step][lane];
    }
}

/* The first lane, and in it the first column, in which a step overflowed. */
typedef struct {
    size_t lane; /* the number of rows: none */
    size_t column;
} first_overflow;

static void keep_first(const pqs_lane_result *result, size_t step, size_t column,
                       first_overflow *where) {
    for (size_t lane = 0; lane < where->lane; lane++) {
        if (!result->overflows[step][lane]) continue;
        *where = (first_overflow){lane, column};
        return;
    }
}

/* One zero point or bias out of many. */
static pqs_values one_value(const pqs_values *values, size_t row, size_t column) {
    return (pqs_values){values->at + row * values->m_stride + column * values->n_stride, 0, 0, 0};
}

/* Where in the output (row, column) a step first overflowed: the reference says. */
static void locate(const call *c, const pqs_step *steps, size_t step_count, size_t k, size_t row,
                   size_t column, int64_t m_first, int64_t n_first, size_t step,
                   pqs_step_events *events, int64_t *scratch) {
    static const int64_t zero = 0;
    const pqs_values none = {&zero, 0, 0, 0};
    const pqs_values za = one_value(c->a_zero_point ? c->a_zero_point : &none, row, column);
    const pqs_values zb = one_value(c->b_zero_point ? c->b_zero_point : &none, row, column);
    const pqs_values bias = one_value(c->bias ? c->bias : &none, row, column);
    pqs_step_events again[PQS_LANES_MAX_STEPS] = {{0}};
    int64_t value;
    pqs_reduce(c->product, steps, step_count, 1, 1, k, c->slots, c->order, m_first + (int64_t)row,
               n_first + (int64_t)column, c->a + row * c->a_stride, c->a_stride,
               c->b + column * c->b_stride, c->b_stride, &za, &zb, &bias, &value, 1, again, NULL, 0,
               scratch);
    events->first = again[step].first;
    events->trap = again[step].trap;
}

/* ---- the call ------------------------------------------------------------------------------- */

static size_t a_words(size_t slots) { return slots * PQS_LANES / 2; }
static size_t b_words(size_t slots, size_t n) { return (slots * n + 1) / 2; }

size_t pqs_reduce_lanes_scratch(const pqs_step *steps, size_t step_count, size_t n, size_t slots) {
    const size_t reference = pqs_reduce_scratch(steps, step_count, slots);
    pqs_lane_step lowered[PQS_LANES_MAX_STEPS];
    if (!reference || !lower_steps(steps, step_count, lowered)) return 0;
    return reference + 8 + a_words(slots) + b_words(slots, n) + TABLE_LIMIT / 2;
}

int pqs_reduce_lanes(int isa, const pqs_product *product, const pqs_step *steps, size_t step_count,
                     size_t m, size_t n, size_t k, size_t slots, const int64_t *order,
                     int64_t m_first, int64_t n_first,
                     const int64_t *a, size_t a_stride, const int64_t *b, size_t b_stride,
                     const pqs_values *a_zero_point, const pqs_values *b_zero_point,
                     const pqs_values *bias,
                     int64_t *out, size_t out_stride,
                     pqs_step_events *events, int64_t *counts, size_t counts_stride,
                     int64_t *scratch) {
    const int status = pqs_check_reduce(product, steps, step_count, m, n, k, slots, order, a,
                                        a_stride, b, b_stride, out, events, scratch);
    if (status != PQS_OK) return status;
    pqs_lane_step lowered[PQS_LANES_MAX_STEPS];
    pqs_lanes_kernel *const kernel = pqs_lanes_for(isa);
    if (!kernel || !lower_steps(steps, step_count, lowered)) return PQS_ERROR_NO_KERNEL;

    int64_t *const packed = scratch + pqs_reduce_scratch(steps, step_count, slots);
    int32_t *const b_packed = (int32_t *)(packed + a_words(slots));
    call c = {product, m, n, slots, order, a, a_stride, b, b_stride, a_zero_point, b_zero_point,
              bias, b_packed, (pqs_lane_values *)packed,
              (int32_t *)(packed + a_words(slots) + b_words(slots, n)), 0, 0};
    if (!pack(&c)) return PQS_ERROR_NO_KERNEL;

    for (size_t first = 0; first < m; first += PQS_LANES) {
        const size_t rows = m - first < PQS_LANES ? m - first : PQS_LANES;
        first_overflow where[PQS_LANES_MAX_STEPS];
        for (size_t s = 0; s < step_count; s++) where[s] = (first_overflow){rows, 0};
        pack_a(&c, first, rows);
        for (size_t column = 0; column < n; column++) {
            pqs_lane_result result;
            pqs_lane_values start;
            pack_bias(&c, first, rows, column, start);
            kernel(lowered, step_count, slots, (const pqs_lane_values *)c.a_packed,
                   c.b_packed + column * slots, c.table_stride ? c.table : NULL, c.table_stride,
                   start, &result);
            for (size_t lane = 0; lane < rows; lane++) {
                out[(first + lane) * out_stride + column] = result.out[lane];
            }
            for (size_t s = 0; s < step_count; s++) {
                int64_t *const count = counts ? counts + first * counts_stride + column : NULL;
                add_events(&result, s, rows, &events[s], count, counts_stride);
                keep_first(&result, s, column, &where[s]);
            }
        }
        for (size_t s = 0; s < step_count; s++) {
            if (events[s].first.found || where[s].lane == rows) continue;
            locate(&c, steps, step_count, k, first + where[s].lane, where[s].column, m_first,
                   n_first, s, &events[s], scratch);
        }
    }
    for (size_t s = 0; s < step_count; s++) {
        if (events[s].trap.found) return PQS_TRAPPED;
    }
    return PQS_OK;
}
