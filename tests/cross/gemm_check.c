/* Matrix products in int32 lanes against a loop, on a machine that runs no Python.
 *
 * gemm_check ISA...: for each (a number of enum pqs_isa) random calls of every kind that it has.
 * Prints how many ran; exits with 1 at the first difference, with 2 if an ISA has no kernel. */
#include "draws.h"
#include "pyqsim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 400
#define MAX_M 14
#define MAX_N 70
#define MAX_K 700

typedef struct {
    pqs_gemm_plan plan;
    size_t m;
    int64_t a[MAX_M * MAX_K];
    int64_t b[MAX_N * MAX_K];
    int32_t places[MAX_K];
    int32_t table[257 * 256];
    int8_t integers[16];
    int32_t b_offsets[2 * MAX_N];
} call;

static size_t proven; /* rows of sums that are checked while they run */

static int64_t a_low(int element) { return element == 0 ? 0 : element == 1 ? -128 : -32768; }
static int64_t a_high(int element) { return element == 0 ? 255 : element == 1 ? 127 : 32767; }

static int is_grouped(int kind) { return kind >= PQS_GEMM_GROUP && kind <= PQS_GEMM_GROUP_TOP; }

/* Groups of 2..40 k in registers that int32 holds next to their outer one. */
static void draw_groups(call *c) {
    c->plan.group = 2 * (size_t)between(1, 20);
    c->plan.a_zero_point = c->plan.a_element == 0 ? (int32_t)between(0, 127) : 0;
    if (c->plan.kind == PQS_GEMM_GROUP_TOP) {
        c->plan.group_bits = (int32_t)between(17, 30);
        c->plan.a_shift = 32 - c->plan.group_bits < 7 ? 32 - c->plan.group_bits : 7;
        c->plan.maximum = (INT32_C(1) << (c->plan.group_bits - 1)) - 1;
        c->plan.minimum = -c->plan.maximum - 1;
    }
    if (below(2)) { /* it clamps, and the result is no number mod 2^bits */
        c->plan.bits = 32;
        c->plan.is_signed = 1;
        c->plan.outer_maximum = (int32_t)between(1, INT32_C(1) << between(1, 29));
        c->plan.outer_minimum = -c->plan.outer_maximum - (int32_t)below(2);
    }
}

/* Any k of a row at every place. */
static void draw_places(call *c) {
    c->plan.places = c->places;
    c->plan.row_length = c->plan.k;
    for (size_t i = 0; i < c->plan.k; i++) c->places[i] = (int32_t)below((int64_t)c->plan.k);
}

/* Codes are the places of values, and what the mask hides is anything. */
static void draw_bits(call *c) {
    const pqs_gemm_plan *const plan = &c->plan;
    for (size_t i = 0; i < c->m * plan->k; i++) {
        c->a[i] = plan->a_codes[below(2)] | (below(256) & ~(int64_t)plan->a_mask);
    }
    for (size_t i = 0; i < plan->n * plan->k; i++) c->b[i] = plan->b_values[below(2)];
}

static int is_gathered(int kind) {
    return kind == PQS_GEMM_GATHER || kind == PQS_GEMM_GATHER_CLAMP;
}

static int is_top(int kind) { return kind == PQS_GEMM_TOP || kind == PQS_GEMM_TOP_HALVES; }

static int is_clamped(int kind) { return kind == PQS_GEMM_CLAMP || kind == PQS_GEMM_GATHER_CLAMP; }

/* A row of zeros, then terms for each byte of a; b: places in them. */
static void draw_table(call *c) {
    const int64_t entries = between(1, 256), reach = INT64_C(1) << between(1, 30);
    c->plan.tables = c->table;
    c->plan.entries = (int32_t)entries;
    for (int64_t i = 0; i < 257 * entries; i++) {
        c->table[i] = i < entries ? 0 : (int32_t)between(-reach, reach);
    }
    for (size_t i = 0; i < c->plan.n * c->plan.k; i++) c->b[i] = below(entries);
}

/* b of sixteen numbers, as large as the kernel takes them. */
static void draw_sixteen(call *c) {
    c->plan.tables = c->integers;
    for (int i = 0; i < 16; i++) c->integers[i] = (int8_t)between(-128, 127);
    for (int i = 0; i < 16 && pqs_gemm_isa(&c->plan) == PQS_ISA_AUTO; i++) c->integers[i] /= 2;
    for (size_t i = 0; i < c->plan.n * c->plan.k; i++) c->b[i] = c->integers[below(16)];
}

/* What an element of a stands for, its zero point subtracted. */
static int64_t integer_of(const pqs_gemm_plan *plan, int64_t a) {
    if (plan->kind != PQS_GEMM_BITS) return a - plan->a_zero_point;
    return plan->a_values[(a & plan->a_mask) == plan->a_codes[1]];
}

/* b in any 256 numbers from -383 to 383, of each column its own. */
static void draw_offsets(call *c) {
    c->plan.b_offsets = c->b_offsets;
    for (size_t column = 0; column < c->plan.n; column++) {
        c->b_offsets[column] = (int32_t)between(-255, 255);
        for (size_t k = 0; k < c->plan.k; k++) {
            c->b[column * c->plan.k + k] += c->b_offsets[column];
        }
    }
}

static void draw(call *c, int kind, int isa) {
    const int ordered = kind == PQS_GEMM_CLAMP || is_top(kind) || is_grouped(kind);
    const int element = kind == PQS_GEMM_PAIR ? 0 : (int)below(kind == PQS_GEMM_INT16 ? 3 : 2);
    c->m = (size_t)between(1, MAX_M);
    c->plan = (pqs_gemm_plan){.kind = kind,
                              .isa = isa,
                              .a_element = element,
                              .n = (size_t)between(1, MAX_N),
                              .k = (size_t)(below(4) ? between(1, 40) : between(1, MAX_K)),
                              .bits = (int32_t)between(2, 32),
                              .is_signed = (int32_t)below(2),
                              .a_zero_point = ordered || kind == PQS_GEMM_PAIR
                                                  ? 0
                                                  : (int32_t)between(-128, 255)};
    if (is_top(kind)) { /* |a| <= 255 takes 7 bits more, |b| <= 128 takes 8 */
        const int lane = kind == PQS_GEMM_TOP ? 32 : 31;
        c->plan.bits = (int32_t)between(lane - 15, lane);
        c->plan.is_signed = 1;
        c->plan.a_shift = lane - c->plan.bits < 7 ? lane - c->plan.bits : 7;
    }
    c->plan.a_mask = (int32_t)between(1, 255);
    for (int i = 0; i < 2; i++) {
        c->plan.a_codes[i] = (int32_t)below(256) & c->plan.a_mask;
        c->plan.a_values[i] = (int32_t)between(-300, 300);
        c->plan.b_values[i] = (int32_t)between(-3, 3);
    }
    c->plan.maximum = (int32_t)between(1, INT32_C(1) << between(1, 29));
    c->plan.minimum = -c->plan.maximum - (int32_t)below(2);
    if (is_grouped(kind)) draw_groups(c);
    if ((ordered || kind == PQS_GEMM_PAIR) && below(2)) draw_places(c);
    const int64_t reach = kind == PQS_GEMM_INT16 ? 32768 : 128;
    for (size_t i = 0; i < c->m * c->plan.k; i++) c->a[i] = between(a_low(element), a_high(element));
    for (size_t i = 0; i < c->plan.n * c->plan.k; i++) c->b[i] = between(-reach, reach - 1);
    if (kind == PQS_GEMM_BITS) draw_bits(c);
    if (is_gathered(kind)) draw_table(c);
    if (kind == PQS_GEMM_INT4) draw_sixteen(c);
    if ((kind == PQS_GEMM_INT8 || kind == PQS_GEMM_INT4) && below(2)) draw_offsets(c);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

/* Of k, in a row of a. */
static int64_t a_at(const call *c, size_t row, size_t k) {
    const size_t place = c->plan.places ? (size_t)c->places[k] : k;
    return integer_of(&c->plan, c->a[row * c->plan.k + place]);
}

static int64_t term(const call *c, size_t row, size_t column, size_t k) {
    const int64_t b = c->b[column * c->plan.k + k];
    if (!is_gathered(c->plan.kind)) return a_at(c, row, k) * b;
    const size_t byte = (uint8_t)c->a[row * c->plan.k + k];
    return c->table[(1 + byte) * (size_t)c->plan.entries + (size_t)b];
}

static int64_t modulo(const pqs_gemm_plan *plan, int64_t sum) {
    const int64_t half = INT64_C(1) << (plan->bits - 1), low = sum & (2 * half - 1);
    return plan->is_signed && low >= half ? low - 2 * half : low;
}

/* Groups as gemm.h has them: `group` sums, and the outer one. */
static int64_t expected_groups(const call *c, size_t row, size_t column) {
    const pqs_gemm_plan *const plan = &c->plan;
    const size_t group = plan->kind == PQS_GEMM_PAIR ? 2 : plan->group;
    const int64_t least = plan->kind == PQS_GEMM_PAIR ? -32768 : plan->minimum;
    const int64_t most = plan->kind == PQS_GEMM_PAIR ? 32767 : plan->maximum;
    int64_t outer = 0, sum = 0;
    for (size_t k = 0; k < plan->k; k++) {
        sum += a_at(c, row, k) * c->b[column * plan->k + k];
        if (plan->kind == PQS_GEMM_GROUP_CLAMP || plan->kind == PQS_GEMM_GROUP_TOP) {
            sum = clamp(sum, least, most);
        }
        if ((k + 1) % group && k + 1 < plan->k) continue;
        outer += clamp(sum, least, most);
        if (plan->outer_maximum) outer = clamp(outer, plan->outer_minimum, plan->outer_maximum);
        sum = 0;
    }
    return modulo(plan, outer);
}

/* The definition, in 64 bits: sums of at most 700 products of at most 2^31. */
static int64_t expected(const call *c, size_t row, size_t column) {
    const int64_t half = INT64_C(1) << (c->plan.bits - 1);
    int64_t sum = 0;
    if (is_grouped(c->plan.kind) || c->plan.kind == PQS_GEMM_PAIR) {
        return expected_groups(c, row, column);
    }
    for (size_t k = 0; k < c->plan.k; k++) {
        sum += term(c, row, column, k);
        if (is_clamped(c->plan.kind)) sum = clamp(sum, c->plan.minimum, c->plan.maximum);
        if (is_top(c->plan.kind)) sum = clamp(sum, -half, half - 1);
    }
    if (is_clamped(c->plan.kind) || is_top(c->plan.kind)) return sum;
    return modulo(&c->plan, sum);
}

static void *allocate(size_t bytes) {
    void *const memory = calloc(bytes + 1, 1);
    if (!memory) exit(3);
    return memory;
}

/* a in its own type. */
static char *elements_of(const call *c, size_t count, size_t size) {
    char *const a = allocate(count * size);
    for (size_t i = 0; i < count; i++) {
        const int16_t wide = (int16_t)c->a[i];
        const uint8_t narrow = (uint8_t)c->a[i];
        memcpy(a + i * size, size == 2 ? (const void *)&wide : (const void *)&narrow, size);
    }
    return a;
}

static int check(const call *c) {
    size_t panel_bytes, starts, scratch_bytes;
    pqs_gemm_sizes(&c->plan, &panel_bytes, &starts, &scratch_bytes);
    void *const panels = allocate(panel_bytes), *const scratch = allocate(scratch_bytes);
    int32_t *const start = allocate(starts * sizeof *start);
    int32_t *const out = allocate(c->m * c->plan.n * sizeof *out);
    const size_t count = c->m * c->plan.k, size = c->plan.a_element == PQS_ELEMENT_INT16 ? 2 : 1;
    char *const a = elements_of(c, count, size);
    int status = pqs_gemm_pack(&c->plan, c->b, c->plan.k, panels, start);
    if (status == PQS_OK) {
        status = pqs_gemm_run(&c->plan, panels, start, c->m, a, c->plan.k * size, out, c->plan.n,
                              scratch);
    }
    int wrong = status != PQS_OK;
    for (size_t i = 0; i < c->m * c->plan.n && !wrong; i++) {
        const int64_t want = expected(c, i / c->plan.n, i % c->plan.n);
        const int64_t got = c->plan.is_signed || is_clamped(c->plan.kind)
                                ? out[i]
                                : (int64_t)(uint32_t)out[i];
        wrong = got != want;
        if (wrong) printf("output %zu => observed: %" PRId64 " expected: %" PRId64 "\n", i, got, want);
    }
    free(panels), free(scratch), free(start), free(out), free(a);
    return wrong;
}

/* How far from 0 exact sums go. */
static int64_t reach(const call *c) {
    int64_t most = 0;
    for (size_t i = 0; i < c->m * c->plan.n; i++) {
        int64_t sum = 0;
        for (size_t k = 0; k < c->plan.k; k++) {
            sum += term(c, i / c->plan.n, i % c->plan.n, k);
            most = sum > most ? sum : -sum > most ? -sum : most;
        }
    }
    return most;
}

/* Saturating sums that are exact while their parts are checked: the rows that are said to be right. */
static int check_parts(call *c) {
    pqs_gemm_plan *const plan = &c->plan;
    plan->bits = 32;
    plan->is_signed = 1;
    const int64_t reached = reach(c), most = INT64_C(1) << 29;
    plan->maximum = (int32_t)(reached < most ? between(reached / 2, 2 * reached + 1) : most);
    plan->minimum = -plan->maximum - (int32_t)below(2);
    const size_t count = c->m * plan->k, size = plan->a_element == PQS_ELEMENT_INT16 ? 2 : 1;
    pqs_gemm_checks checks = {.part_steps = (size_t)between(1, 8)};
    size_t panel_bytes, starts, scratch_bytes, parts, checked_starts, panels;
    pqs_gemm_sizes(plan, &panel_bytes, &starts, &scratch_bytes);
    pqs_gemm_check_sizes(plan, checks.part_steps, &parts, &checked_starts, &panels);
    void *const packed = allocate(panel_bytes), *const scratch = allocate(scratch_bytes);
    int32_t *const start = allocate(starts * sizeof *start);
    int32_t *const out = allocate(c->m * plan->n * sizeof *out);
    char *const a = elements_of(c, count, size);
    checks.corrections = allocate(parts * checked_starts * sizeof *checks.corrections);
    checks.low = allocate(parts * panels * sizeof *checks.low);
    checks.high = allocate(parts * panels * sizeof *checks.high);
    size_t done = 0;
    int wrong =
        pqs_gemm_pack(plan, c->b, plan->k, packed, start) != PQS_OK ||
        pqs_gemm_pack_checks(plan, c->b, plan->k, a_low(plan->a_element), a_high(plan->a_element),
                             &checks) != PQS_OK ||
        pqs_gemm_run_checked(plan, &checks, packed, start, c->m, a, plan->k * size, out, plan->n,
                             scratch, &done) != PQS_OK;
    proven += done;
    for (size_t i = 0; i < done * plan->n && !wrong; i++) {
        int64_t sum = 0;
        for (size_t k = 0; k < plan->k; k++) {
            sum = clamp(sum + term(c, i / plan->n, i % plan->n, k), plan->minimum, plan->maximum);
        }
        wrong = out[i] != sum;
    }
    free(packed), free(scratch), free(start), free(out), free(a);
    free(checks.corrections), free(checks.low), free(checks.high);
    return wrong;
}

int main(int argc, char **argv) {
    static call c;
    for (int i = 1; i < argc; i++) {
        const int isa = atoi(argv[i]);
        int ran = 0;
        for (int kind = PQS_GEMM_INT8; kind <= PQS_GEMM_INT4; kind++) {
            if (kind == PQS_GEMM_TABLE || kind == PQS_GEMM_PERMUTE || kind == PQS_GEMM_PERMUTE_CLAMP) {
                continue; /* x86 only */
            }
            const pqs_gemm_plan probe = {.kind = kind, .isa = isa, .n = 1, .k = 1, .bits = 31,
                                         .group = 2, .group_bits = 32, .a_mask = 1,
                                         .tables = c.table, .entries = 1};
            const int found = pqs_gemm_isa(&probe);
            if (found == PQS_ISA_AUTO) continue;
            for (int j = 0; j < CALLS; j++, ran++) {
                draw(&c, kind, isa);
                const int sums = kind == PQS_GEMM_INT8 || kind == PQS_GEMM_INT16;
                if (!check(&c) && !(sums && !c.plan.b_offsets && check_parts(&c))) continue;
                printf("ISA %d, kind %d, m %zu, n %zu, k %zu, bits %d, a %d\n", isa, kind, c.m,
                       c.plan.n, c.plan.k, (int)c.plan.bits, (int)c.plan.a_element);
                return 1;
            }
            printf("ISA %d, kind %d on ISA %d: %d calls\n", isa, kind, found, CALLS);
        }
        if (!ran) return 2;
    }
    printf("%zu rows proven while they ran\n", proven);
    return 0;
}
