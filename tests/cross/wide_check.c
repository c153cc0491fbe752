/* Matrix products in int64 lanes against a loop, on a machine that runs no Python.
 *
 * wide_check ISA...: for each (a number of enum pqs_isa) random calls of sums, clamps and groups.
 * Prints how many ran; exits with 1 at the first difference, with 2 if an ISA has no kernel. */
#include "draws.h"
#include "pyqsim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CALLS 400
#define MAX_M 14
#define MAX_N 40
#define MAX_K 700
#define MAX_PANELS ((MAX_N + 16) * MAX_K)

typedef struct {
    pqs_wide_plan plan;
    size_t m;
    int64_t a[MAX_M * MAX_K], b[MAX_N * MAX_K];
    int64_t panels[MAX_PANELS], start[MAX_N + 16];
    int64_t out[MAX_M * MAX_N];
} call;

static void draw(call *c, int isa) {
    const int64_t reach = INT64_C(1) << between(7, 31);
    c->m = (size_t)between(1, MAX_M);
    c->plan = (pqs_wide_plan){.isa = isa,
                              .n = (size_t)between(1, MAX_N),
                              .k = (size_t)(below(4) ? between(1, 40) : between(1, MAX_K)),
                              .bits = (int32_t)between(33, 63),
                              .is_signed = (int32_t)below(2)};
    if (below(2)) {
        c->plan.group = below(2) ? 1 : (size_t)between(2, 9);
        c->plan.maximum = (reach * reach - 1) / between(1, 50);
        c->plan.minimum = -c->plan.maximum - below(2);
        if (c->plan.group > 1 && reach > INT64_C(1) << 28) c->plan.group = 1;
    }
    for (size_t i = 0; i < c->m * c->plan.k; i++) c->a[i] = between(-reach, reach - 1);
    for (size_t i = 0; i < c->plan.n * c->plan.k; i++) c->b[i] = between(-reach, reach - 1);
    for (size_t i = 0; i < c->plan.n; i++) {
        c->start[i] = c->plan.group ? between(c->plan.minimum / 2, c->plan.maximum / 2) : below(999);
    }
}

/* Where no clamp is due, sums stay far from 2^63: they are taken mod 2^64 at most once. */
static int64_t expected(const call *c, size_t row, size_t column) {
    const pqs_wide_plan *const plan = &c->plan;
    uint64_t sum = (uint64_t)c->start[column];
    for (size_t k = 0; k < plan->k; k++) {
        sum += (uint64_t)(c->a[row * plan->k + k] * c->b[column * plan->k + k]);
        if (!plan->group || ((k + 1) % plan->group && k + 1 < plan->k)) continue;
        const int64_t x = (int64_t)sum;
        sum = (uint64_t)(x < plan->minimum ? plan->minimum : x > plan->maximum ? plan->maximum : x);
    }
    if (plan->group) return (int64_t)sum;
    const uint64_t half = UINT64_C(1) << (plan->bits - 1), low = sum & (2 * half - 1);
    return (int64_t)(plan->is_signed && low >= half ? low - 2 * half : low);
}

static int check(call *c) {
    const size_t n = c->plan.n, k = c->plan.k;
    size_t panels, starts;
    pqs_wide_sizes(&c->plan, &panels, &starts);
    if (panels > MAX_PANELS || starts > MAX_N + 16) return 1;
    int status = pqs_wide_pack(&c->plan, c->b, k, c->panels);
    if (status == PQS_OK) {
        status = pqs_wide_run(&c->plan, c->panels, c->start, c->m, c->a, k, c->out, n);
    }
    if (status != PQS_OK) return 1;
    for (size_t i = 0; i < c->m * n; i++) {
        const int64_t want = expected(c, i / n, i % n);
        if (c->out[i] == want) continue;
        printf("output %zu => observed: %" PRId64 " expected: %" PRId64 "\n", i, c->out[i], want);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    static call c;
    for (int i = 1; i < argc; i++) {
        const int isa = atoi(argv[i]);
        const pqs_wide_plan probe = {.isa = isa, .n = 1, .k = 1, .bits = 64};
        const int found = pqs_wide_isa(&probe);
        if (found == PQS_ISA_AUTO) return 2;
        for (int j = 0; j < CALLS; j++) {
            draw(&c, isa);
            if (!check(&c)) continue;
            printf("ISA %d, m %zu, n %zu, k %zu, group %zu, bits %d\n", isa, c.m, c.plan.n, c.plan.k,
                   c.plan.group, (int)c.plan.bits);
            return 1;
        }
        printf("ISA %d on ISA %d: %d calls\n", isa, found, CALLS);
    }
    return 0;
}
