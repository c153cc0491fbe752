/* Output steps in int32 lanes against the reference, on a machine that runs no Python.
 *
 * output_check ISA...: for each (a number of enum pqs_isa) random programs of every kind of step.
 * Prints how many ran; exits with 1 at the first difference, with 2 if an ISA has no kernel. */
#include "draws.h"
#include "pyqsim.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 2000
#define MAX_M 9
#define MAX_N 70

/* Any int32, powers of two and their neighbours more often. */
static int64_t integer(int bits) {
    const int64_t size = INT64_C(1) << between(0, bits - 1);
    return below(2) ? between(-size, size - 1) : below(2) ? size - 1 : -size + below(2);
}

typedef struct {
    int64_t data[MAX_N], shift[MAX_N], table[16];
    float scale[MAX_N], other[MAX_N];
    double double_scale[MAX_N];
} numbers;

static pqs_values values_of(const int64_t *at) { return (pqs_values){at, 0, 0, 1}; }

static float any_float(void) {
    static const float odd[] = {0.0f, -0.0f, 1e-45f, 3e38f, INFINITY, -INFINITY, NAN, 0.5f, -1.5f};
    if (below(4) == 0) return odd[below(9)];
    return ldexpf((float)between(-(1 << 24), 1 << 24), (int)between(-50, -20));
}

static void draw_numbers(numbers *to, int kind) {
    for (size_t i = 0; i < MAX_N; i++) {
        to->data[i] = kind == PQS_OUTPUT_NARROW ? integer(31) : integer(30);
        to->shift[i] = between(-62, 0);
        to->scale[i] = any_float();
        to->other[i] = any_float();
        to->double_scale[i] = (double)any_float() * 1.0000000001;
    }
    for (int i = 0; i < 16; i++) to->table[i] = integer(32);
}

static uint32_t any_table(void) {
    uint32_t table = 0;
    for (int i = 0; i < 4; i++) table |= (15u << between(0, 4) & 15) << 4 * i;
    return table;
}

/* One step that takes and makes any int32. */
static void draw_step(pqs_output_step *step, numbers *to) {
    static const int kinds[] = {PQS_OUTPUT_ADD, PQS_OUTPUT_NARROW, PQS_OUTPUT_FLOAT_SCALE,
                                PQS_OUTPUT_CLAMP, PQS_OUTPUT_LOOKUP, PQS_OUTPUT_DOUBLE_SCALE};
    memset(step, 0, sizeof *step);
    step->kind = kinds[below(6)];
    draw_numbers(to, step->kind);
    const int is_signed = (int)below(2);
    step->range = (pqs_register){.bits = (int32_t)between(1 + is_signed, 31 + is_signed),
                                 .overflow = PQS_OVERFLOW_WRAP,
                                 .is_signed = is_signed};
    step->narrow.range = step->range;
    step->narrow.multiplier = step->narrow.divisor = 1;
    step->narrow.rounding.table = any_table();
    step->multiplier_from_data = below(2) != 0;
    step->shift_part = PQS_SHIFT_ALL;
    for (size_t i = 0; below(2) && i < MAX_N; i++) to->shift[i] %= 32;
    step->data = values_of(to->data);
    step->shift_data = values_of(to->shift);
    step->scale = (pqs_floats){to->scale, 0, 1};
    if (below(2)) step->second = (pqs_floats){to->other, 0, 1};
    if (below(2)) step->addend = (pqs_floats){to->other, 0, 1};
    if (below(2)) step->last = (pqs_floats){to->other, 0, 1};
    step->clamp_before = below(2) != 0;
    step->double_scale = (pqs_doubles){to->double_scale, 0, 1};
    const int64_t limits[2] = {integer(32), integer(32)};
    step->minimum = limits[0] < limits[1] ? limits[0] : limits[1];
    step->maximum = limits[0] < limits[1] ? limits[1] : limits[0];
    step->table = to->table;
    step->table_size = 16;
}

static void fail(int isa, int number, size_t m, size_t n) {
    printf("ISA %d, call %d, %zu x %zu: another value\n", isa, number, m, n);
    exit(1);
}

static void run_call(int isa, int number) {
    static pqs_output_step steps[4];
    static numbers data[4];
    static int64_t expected[MAX_M * MAX_N];
    static int32_t got[MAX_M * MAX_N];
    const size_t m = (size_t)between(1, MAX_M), n = (size_t)between(1, MAX_N);
    const size_t count = (size_t)between(1, 4);
    for (size_t s = 0; s < count; s++) draw_step(&steps[s], &data[s]);
    for (size_t i = 0; i < m * n; i++) expected[i] = got[i] = (int32_t)integer(32);
    pqs_place trap = {0};
    if (pqs_output(steps, count, 0, 1, m, n, 0, 0, expected, &trap) != PQS_OK) exit(2);
    size_t bytes;
    if (pqs_output_int32_size(steps, count, m, n, &bytes) != PQS_OK) exit(2);
    void *const program = malloc(bytes);
    if (pqs_output_int32_lower(isa, steps, count, m, n, program) != PQS_OK) exit(2);
    pqs_output_int32_run(program, m, got);
    for (size_t i = 0; i < m * n; i++) {
        if (got[i] != expected[i]) fail(isa, number, m, n);
    }
    free(program);
}

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const int isa = atoi(arguments[i]);
        if (!pqs_isa_available(isa)) return 2;
        for (int number = 0; number < CALLS; number++) run_call(isa, number);
        printf("ISA %d, output steps: %d calls\n", isa, CALLS);
    }
    return count > 1 ? 0 : 2;
}
