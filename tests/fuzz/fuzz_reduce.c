/* pqs_reduce: no undefined behaviour on anything; pqs_trace and every kernel that stands for it
 * give the same values and events. */
#include "bytes.h"

enum { MAX_STEPS = 4, MAX_SPILLS = 3, MAX_SIDE = 20, MAX_K = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    pqs_product product;
    pqs_step steps[MAX_STEPS];
    pqs_narrow spills[MAX_STEPS][MAX_SPILLS];
    size_t step_count, m, n, k, slots;
    int64_t *order, *a, *b, *table;
    int64_t zero_points[2][MAX_SIDE], biases[MAX_SIDE];
    pqs_values za, zb, bias;
} call;

typedef struct {
    int status;
    int64_t *out, *counts, *scratch;
    pqs_step_events events[MAX_STEPS];
} result;

static pqs_accumulate pick_accumulate(bytes *in, pqs_narrow *spills, int last) {
    pqs_accumulate step = {.range = pick_register(in), .interleave = 1};
    if (!last || is_garbage(in)) step.group = (size_t)pick(in, 1, 9);
    if (!last && next_byte(in) % 4 == 3) step.interleave = (size_t)pick(in, 0, 4);
    step.start_bias = next_byte(in) % 4 == 3;
    if (next_byte(in) % 8 == 7) {
        step.spill_count = (size_t)pick(in, 0, MAX_SPILLS);
        step.spill = spills;
        step.interleave = 1;
        step.group = (size_t)pick(in, 1, 9);
        for (size_t i = 0; i < step.spill_count; i++) spills[i] = pick_narrow(in);
    }
    return step;
}

static void pick_step(bytes *in, call *c, size_t index) {
    pqs_step *const step = &c->steps[index];
    const int last = index + 1 == c->step_count;
    memset(step, 0, sizeof *step);
    const int32_t kinds[] = {PQS_STEP_NARROW, PQS_STEP_ACCUMULATE, PQS_STEP_ACCUMULATE,
                             PQS_STEP_ACCUMULATE_LOGS};
    step->kind = kinds[pick(in, 0, 3)];
    if (step->kind == PQS_STEP_ACCUMULATE_LOGS && c->product.kind != PQS_PRODUCT_ADD_LOGS &&
        next_byte(in) % 4) {
        step->kind = PQS_STEP_ACCUMULATE;
    }
    if (last && step->kind == PQS_STEP_NARROW) step->kind = PQS_STEP_ACCUMULATE;
    if (is_garbage(in)) step->kind = (int32_t)pick(in, -3, 9);
    step->narrow = pick_narrow(in);
    step->accumulate = pick_accumulate(in, c->spills[index], last);
    step->accumulate_logs = (pqs_accumulate_logs){
        pick_register(in), last ? 0 : (size_t)pick(in, 0, 4), (int32_t)(next_byte(in) % 2 ? pick(in, 0, 4) : pick(in, -1, 33))};
}

static void pick_product(bytes *in, call *c) {
    pqs_product *const product = &c->product;
    memset(product, 0, sizeof *product);
    product->kind = (int32_t)(is_garbage(in) ? pick(in, -2, 7) : pick(in, 0, 3));
    product->shifting = (int32_t)pick(in, is_garbage(in) ? 0 : 1, 3);
    product->drop = (int32_t)pick(in, 0, is_garbage(in) ? 80 : 64);
    product->sign_before = next_byte(in) % 2;
    product->per_sum = next_byte(in) % 2;
    product->rounding = pick_rounding(in);
    product->guard_bits = (int32_t)pick(in, 0, is_garbage(in) ? 40 : 32);
    product->negative = next_byte(in) % 2;
    c->table = NULL;
    if (product->kind == PQS_PRODUCT_LOOKUP) {
        product->table_a = (size_t)pick(in, 0, 4), product->table_b = (size_t)pick(in, 1, 4);
        product->table_k = next_byte(in) % 2 ? c->k + (size_t)pick(in, 0, 2) : 0;
        const size_t layers = product->table_k ? product->table_k : 1;
        const size_t entries = layers * product->table_a * product->table_b;
        c->table = exactly(entries, sizeof *c->table);
        for (size_t i = 0; i < entries; i++) c->table[i] = pick_integer(in);
        product->table = c->table;
    }
}

/* Elements of one kind: bytes, table indices, or anything. */
static int64_t *pick_elements(bytes *in, size_t count, const pqs_product *product, size_t codes) {
    int64_t *const elements = exactly(count, sizeof *elements);
    const int64_t kind = pick(in, 0, 3);
    for (size_t i = 0; i < count; i++) {
        if (product->kind == PQS_PRODUCT_LOOKUP && codes && kind) {
            elements[i] = pick(in, 0, (int64_t)codes - 1);
        } else {
            elements[i] = kind == 3 ? pick_integer(in) : (int8_t)next_byte(in);
        }
    }
    return elements;
}

static pqs_values pick_values(bytes *in, int64_t *numbers, int by_row) {
    for (size_t i = 0; i < MAX_SIDE; i++) numbers[i] = 0;
    const int kind = next_byte(in) % 4;
    for (size_t i = 0; kind && i < MAX_SIDE; i++) {
        numbers[i] = kind == 3 ? pick_integer(in) : (int8_t)next_byte(in);
    }
    return (pqs_values){numbers, 0, by_row == 1, by_row == 0};
}

static void pick_call(bytes *in, call *c) {
    c->step_count = (size_t)(is_garbage(in) ? 0 : pick(in, 1, MAX_STEPS));
    c->m = (size_t)pick(in, 0, MAX_SIDE), c->n = (size_t)pick(in, 0, 4);
    c->k = (size_t)pick(in, 0, MAX_K);
    pick_product(in, c);
    for (size_t i = 0; i < c->step_count; i++) pick_step(in, c, i);
    c->slots = c->k;
    c->order = NULL;
    if (next_byte(in) % 4 == 3) {
        c->slots = (size_t)pick(in, 0, MAX_K + 4);
        c->order = exactly(c->slots, sizeof *c->order);
        const int64_t high = (int64_t)c->k - (is_garbage(in) ? 0 : 1);
        for (size_t i = 0; i < c->slots; i++) c->order[i] = pick(in, -1, high < -1 ? -1 : high);
    }
    c->a = pick_elements(in, c->m * c->k, &c->product, c->product.table_a);
    c->b = pick_elements(in, c->n * c->k, &c->product, c->product.table_b);
    c->za = pick_values(in, c->zero_points[0], 1);
    c->zb = pick_values(in, c->zero_points[1], 0);
    c->bias = pick_values(in, c->biases, 0);
    if (c->product.kind == PQS_PRODUCT_LOOKUP) { /* codes are bit patterns */
        c->za.at = c->zb.at = NULL;
    }
}

static void free_call(call *c) {
    free(c->order), free(c->a), free(c->b), free(c->table);
}

static const pqs_values *or_null(const pqs_values *values) { return values->at ? values : NULL; }

/* isa < 0: the reference */
static result run(const call *c, int isa) {
    result r = {.status = PQS_OK};
    r.out = exactly(c->m * c->n, sizeof *r.out);
    r.counts = exactly(c->m * c->n, sizeof *r.counts);
    memset(r.counts, 0, c->m * c->n * sizeof *r.counts);
    const size_t scratch = isa < 0 ? pqs_reduce_scratch(c->steps, c->step_count, c->slots)
                                   : pqs_reduce_lanes_scratch(c->steps, c->step_count, c->n, c->slots);
    r.scratch = exactly(scratch, sizeof *r.scratch);
    if (!scratch) {
        r.status = isa < 0 ? PQS_ERROR_DATAPATH : PQS_ERROR_NO_KERNEL;
        return r;
    }
    if (isa < 0) {
        r.status = pqs_reduce(&c->product, c->steps, c->step_count, c->m, c->n, c->k, c->slots,
                              c->order, 3, 5, c->a, c->k, c->b, c->k, or_null(&c->za),
                              or_null(&c->zb), &c->bias, r.out, c->n, r.events, r.counts, c->n,
                              r.scratch);
    } else {
        r.status = pqs_reduce_lanes(isa, &c->product, c->steps, c->step_count, c->m, c->n, c->k,
                                    c->slots, c->order, 3, 5, c->a, c->k, c->b, c->k,
                                    or_null(&c->za), or_null(&c->zb), &c->bias, r.out, c->n,
                                    r.events, r.counts, c->n, r.scratch);
    }
    return r;
}

static void free_result(result *r) { free(r->out), free(r->counts), free(r->scratch); }

static int same_place(const pqs_place *x, const pqs_place *y) {
    if (x->found != y->found) return 0;
    return !x->found ||
           (x->m == y->m && x->n == y->n && x->position == y->position && x->k == y->k);
}

static int same_events(const pqs_step_events *x, const pqs_step_events *y) {
    return x->overflows == y->overflows && same_place(&x->first, &y->first) &&
           same_place(&x->trap, &y->trap) && x->seen == y->seen &&
           (!x->seen || (x->minimum.high == y->minimum.high && x->minimum.low == y->minimum.low &&
                         x->maximum.high == y->maximum.high && x->maximum.low == y->maximum.low));
}

static int in_int32(int64_t v) { return INT32_MIN <= v && v <= INT32_MAX; }

/* Whether int32 holds everything that the header asks the lanes kernel's caller to have proven;
 * also checks that the trace of every output tells what pqs_reduce did. */
static int trace_all(const call *c, const result *whole) {
    int fits = 1;
    const size_t count = pqs_trace_count(c->steps, c->step_count, c->slots);
    pqs_trace_record *const records = exactly(count, sizeof *records);
    for (size_t i = 0; i < c->m * c->n; i++) {
        const size_t row = i / c->n, column = i % c->n;
        pqs_step_events events[MAX_STEPS] = {{0}};
        int64_t out, overflows = 0;
        const int64_t za = c->za.at ? c->zero_points[0][row] : 0;
        const int64_t zb = c->zb.at ? c->zero_points[1][column] : 0;
        const int64_t bias = c->biases[column];
        /* cells of their own: a trace must not read beyond one row */
        pqs_trace(&c->product, c->steps, c->step_count, c->k, c->slots, c->order,
                  3 + (int64_t)row, 5 + (int64_t)column, c->a + row * c->k, c->b + column * c->k,
                  za, zb, bias, &out, events, records, whole->scratch);
        require(out == whole->out[i], "pqs_trace: another value than pqs_reduce");
        for (size_t s = 0; s < c->step_count; s++) overflows += events[s].overflows;
        require(overflows == whole->counts[i], "pqs_trace: another count than pqs_reduce");
        for (size_t j = 0; j < count; j++) {
            const pqs_trace_record *const one = &records[j];
            const int64_t seen = (int64_t)one->seen.low;
            fits &= one->seen.high == (seen < 0 ? -1 : 0) && in_int32(seen) && in_int32(one->value);
            fits &= in_int32(one->before) && in_int32(one->after);
        }
        fits &= in_int32(bias);
    }
    for (size_t i = 0; i < c->m * c->k; i++) {
        const int64_t za = c->za.at ? c->zero_points[0][i / c->k] : 0;
        fits &= in_int32(c->a[i]) && in_int32(za) && in_int32(c->a[i] - za);
    }
    for (size_t i = 0; i < c->n * c->k; i++) {
        const int64_t zb = c->zb.at ? c->zero_points[1][i / c->k] : 0;
        fits &= in_int32(c->b[i]) && in_int32(zb) && in_int32(c->b[i] - zb);
    }
    free(records);
    return fits;
}

/* How many runs of the reference were OK, and how many comparisons with a kernel were made. */
static size_t reference_runs, comparisons;

__attribute__((destructor)) static void say_how_many(void) {
    fprintf(stderr, "reference runs: %zu, kernel comparisons: %zu\n", reference_runs, comparisons);
}

static void compare_lanes(const call *c, const result *reference, int isa) {
    result lanes = run(c, isa);
    if (lanes.status != PQS_ERROR_NO_KERNEL) {
        comparisons++;
        require(lanes.status == reference->status, "lanes: another status");
        const size_t size = c->m * c->n * sizeof *lanes.out;
        require(!memcmp(lanes.out, reference->out, size), "lanes: other values");
        require(!memcmp(lanes.counts, reference->counts, size), "lanes: other counts");
        for (size_t s = 0; s < c->step_count; s++) {
            require(same_events(&lanes.events[s], &reference->events[s]), "lanes: other events");
        }
    }
    free_result(&lanes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes in = {data, size};
    call c;
    memset(&c, 0, sizeof c);
    pick_call(&in, &c);
    result reference = run(&c, -1);
    if (reference.status == PQS_OK || reference.status == PQS_TRAPPED) {
        reference_runs++;
        if (trace_all(&c, &reference)) {
            for (int isa = PQS_ISA_AUTO; isa <= PQS_ISA_AVX512VPOPCNTDQ; isa++) {
                if (pqs_isa_available(isa)) compare_lanes(&c, &reference, isa);
            }
        }
    }
    free_result(&reference);
    free_call(&c);
    return 0;
}
