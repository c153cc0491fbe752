/* Saturating sums that are exact: proven part by part of k, while they run. */
#include "plan/gemm.h"

#include <string.h>

#define NEAR_STEPS 512 /* of a panel */

void pqs_gemm_check_sizes(const pqs_gemm_plan *plan, size_t part_steps, size_t *parts,
                          size_t *starts, size_t *panels) {
    const pqs_gemm_kernel *const kernel = pqs_gemm_kernel_of(plan, NULL);
    *parts = *starts = *panels = 0;
    if (!kernel || !part_steps) return;
    *parts = pqs_over(pqs_gemm_steps(plan, kernel), part_steps);
    *panels = pqs_gemm_panels(plan, kernel);
    *starts = *panels * kernel->columns;
}

/* Over one part of one column the sum of (a - za) * b lies in [*low, *high]; returns sum(b). */
static int64_t bound_part(const pqs_gemm_plan *plan, const int64_t *b, size_t first, size_t stop,
                          int64_t a_low, int64_t a_high, int64_t *low, int64_t *high) {
    const int64_t least = a_low - plan->a_zero_point, most = a_high - plan->a_zero_point;
    const int64_t l = least < 0 ? least : 0, h = most > 0 ? most : 0;
    int64_t positive = 0, negative = 0;
    for (size_t k = first; k < stop && k < plan->k; k++) {
        positive += b[k] > 0 ? b[k] : 0;
        negative += b[k] < 0 ? b[k] : 0;
    }
    *low = l * positive + h * negative;
    *high = h * positive + l * negative;
    return positive + negative;
}

int pqs_gemm_pack_checks(const pqs_gemm_plan *plan, const int64_t *b, size_t b_stride,
                         int64_t a_low, int64_t a_high, pqs_gemm_checks *checks) {
    if (!plan || !checks || (!b && plan->n)) return PQS_ERROR_NULL;
    const pqs_gemm_kernel *const kernel = pqs_gemm_kernel_of(plan, NULL);
    if (!kernel || !pqs_gemm_is_sum(plan) || !checks->part_steps) return PQS_ERROR_NO_KERNEL;
    size_t parts, starts, panels;
    pqs_gemm_check_sizes(plan, checks->part_steps, &parts, &starts, &panels);
    memset(checks->corrections, 0, parts * starts * sizeof *checks->corrections);
    memset(checks->low, 0, parts * panels * sizeof *checks->low);
    memset(checks->high, 0, parts * panels * sizeof *checks->high);
    const size_t part_k = checks->part_steps * kernel->b_elements;
    for (size_t column = 0; column < plan->n; column++) {
        uint32_t left = 0u - (uint32_t)pqs_gemm_start_of(plan, kernel, b + column * b_stride);
        for (size_t part = 0; part < parts; part++) {
            int64_t low, high;
            const int64_t sum = bound_part(plan, b + column * b_stride, part * part_k,
                                           (part + 1) * part_k, a_low, a_high, &low, &high);
            const size_t panel = part * panels + column / kernel->columns;
            checks->corrections[part * starts + column] = (int32_t)left;
            if (low < checks->low[panel]) checks->low[panel] = low;
            if (high > checks->high[panel]) checks->high[panel] = high;
            left -= pqs_gemm_a_offset(plan, kernel) * (uint32_t)sum;
        }
    }
    return PQS_OK;
}

/* Every prefix of a panel leaves room for any of its parts; 0: none does. */
static int leaves_room(const pqs_gemm_block *of, const pqs_gemm_checks *checks, size_t panel,
                       size_t panels, pqs_gemm_parts *parts) {
    int64_t low = 0, high = 0;
    for (size_t part = 0; part * checks->part_steps < of->steps; part++) {
        const size_t at = part * panels + panel;
        low = checks->low[at] < low ? checks->low[at] : low;
        high = checks->high[at] > high ? checks->high[at] : high;
    }
    const int64_t minimum = of->constants.minimum - low, maximum = of->constants.maximum - high;
    parts->minimum = (int32_t)minimum;
    parts->maximum = (int32_t)maximum;
    return minimum <= maximum; /* and so both in the accumulator's range */
}

/* One panel: so many of its steps at a time stay in the caches while the rows of a block pass. */
static int run_panel_checked(pqs_gemm_block *of, size_t panel, const pqs_gemm_checks *checks) {
    const size_t panels = pqs_over(of->n, of->columns), stride = panels * of->columns;
    const size_t whole = pqs_over(NEAR_STEPS, checks->part_steps) * checks->part_steps;
    pqs_gemm_parts parts = {.steps = checks->part_steps, .stride = stride};
    if (!leaves_room(of, checks, panel, panels, &parts)) return 0;
    of->parts = &parts;
    int held = 1;
    for (size_t first = 0; held && first < of->steps; first += whole) {
        const size_t left = of->steps - first, steps = left < whole ? left : whole;
        parts.corrections =
            checks->corrections + first / parts.steps * stride + panel * of->columns;
        held = pqs_gemm_run_panel(of, panel, first, steps);
    }
    of->parts = NULL;
    return held;
}

static int run_block_checked(pqs_gemm_block *of, const pqs_gemm_checks *checks) {
    for (size_t panel = 0; panel * of->columns < of->n; panel++) {
        if (!run_panel_checked(of, panel, checks)) return 0;
    }
    return 1;
}

int pqs_gemm_run_checked(const pqs_gemm_plan *plan, const pqs_gemm_checks *checks,
                         const void *panels, const int32_t *start, size_t m, const void *a,
                         size_t a_stride, int32_t *out, size_t out_stride, void *scratch,
                         size_t *done) {
    if (!checks || !done) return PQS_ERROR_NULL;
    pqs_gemm_block now;
    const int status =
        pqs_gemm_begin(plan, panels, start, m, a, a_stride, out, out_stride, scratch, &now);
    if (status != PQS_OK) return status;
    if (!pqs_gemm_is_sum(plan) || plan->b_offsets) return PQS_ERROR_NO_KERNEL;
    for (*done = 0; *done < m; *done += now.rows) {
        now.rows = m - *done < now.block_rows ? m - *done : now.block_rows;
        now.out = out + *done * out_stride;
        (void)pqs_gemm_pack_rows(plan, 0, (const char *)a + *done * a_stride, a_stride, scratch,
                                 &now); /* a sum takes any row */
        if (!run_block_checked(&now, checks)) break;
    }
    return PQS_OK;
}
