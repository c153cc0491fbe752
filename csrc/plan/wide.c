/* Matrix products in int64: the door, b in panels, blocks that stay in the caches, edges. */
#include "plan/gemm.h"

#include <string.h>

#define PART_STEPS 256 /* of a panel that stay near while all rows pass */
#define MAX_FACTOR (INT64_C(1) << 31)

static int in_range(const pqs_wide_plan *plan) {
    return plan->k && plan->bits >= 1 && plan->bits <= 64 && plan->minimum <= plan->maximum;
}

static const pqs_wide_kernel *kernel_of(const pqs_wide_plan *plan, int *isa) {
    return in_range(plan) ? pqs_wide_for(plan->isa, isa) : NULL;
}

int pqs_wide_isa(const pqs_wide_plan *plan) {
    int found = PQS_ISA_AUTO;
    if (plan) kernel_of(plan, &found);
    return found;
}

void pqs_wide_sizes(const pqs_wide_plan *plan, size_t *panels, size_t *start) {
    const pqs_wide_kernel *const kernel = kernel_of(plan, NULL);
    *panels = *start = 0;
    if (!kernel) return;
    *start = pqs_over(plan->n, kernel->columns) * kernel->columns;
    *panels = *start * plan->k;
}

int pqs_wide_pack(const pqs_wide_plan *plan, const int64_t *b, size_t b_stride, int64_t *panels) {
    if (!plan || (plan->n && (!b || !panels))) return PQS_ERROR_NULL;
    const pqs_wide_kernel *const kernel = kernel_of(plan, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    const size_t columns = kernel->columns;
    for (size_t first = 0; first < plan->n; first += columns) {
        for (size_t k = 0; k < plan->k; k++) {
            for (size_t c = 0; c < columns; c++) {
                const int64_t x = first + c < plan->n ? b[(first + c) * b_stride + k] : 0;
                if (x < -MAX_FACTOR || x >= MAX_FACTOR) return PQS_ERROR_OPERAND;
                *panels++ = x;
            }
        }
    }
    return PQS_OK;
}

/* What all tiles of one panel and part of k have in common. */
typedef struct {
    const pqs_wide_kernel *kernel;
    pqs_wide_constants constants;
    size_t steps;
    size_t columns; /* that are there */
    const int64_t *b;
    size_t a_stride;
    size_t out_stride;
} part;

/* A tile whose panel has columns beyond n: they stay in `edge`. */
static void run_edge(const part *of, size_t rows, const int64_t *a, const int64_t *start,
                     size_t start_stride, int64_t *out) {
    int64_t edge[PQS_WIDE_ROWS][PQS_WIDE_MAX_COLUMNS] = {{0}};
    const size_t bytes = of->columns * sizeof *out;
    for (size_t r = 0; r < rows; r++) memcpy(edge[r], start + r * start_stride, bytes);
    of->kernel->tile(rows, of->steps, a, of->a_stride, &of->constants, of->b, edge[0],
                     PQS_WIDE_MAX_COLUMNS, edge[0], PQS_WIDE_MAX_COLUMNS);
    for (size_t r = 0; r < rows; r++) memcpy(out + r * of->out_stride, edge[r], bytes);
}

/* start: of all rows alike; null: goes on from what is in out. */
static void run_part(const part *of, size_t m, const int64_t *a, const int64_t *start,
                     int64_t *out) {
    for (size_t row = 0; row < m; row += PQS_WIDE_ROWS) {
        const size_t rows = m - row < PQS_WIDE_ROWS ? m - row : PQS_WIDE_ROWS;
        const int64_t *const from = start ? start : out;
        const size_t from_stride = start ? 0 : of->out_stride;
        if (of->columns == of->kernel->columns) {
            of->kernel->tile(rows, of->steps, a, of->a_stride, &of->constants, of->b, from,
                             from_stride, out, of->out_stride);
        } else {
            run_edge(of, rows, a, from, from_stride, out);
        }
        a += rows * of->a_stride;
        out += rows * of->out_stride;
    }
}

/* Numbers mod 2^64 to numbers mod 2^bits. */
static void keep_bits(const pqs_wide_plan *plan, size_t m, int64_t *out, size_t out_stride) {
    const int drop = 64 - plan->bits;
    if (plan->group || !drop) return;
    for (size_t row = 0; row < m; row++) {
        int64_t *const to = out + row * out_stride;
        for (size_t i = 0; i < plan->n; i++) {
            const uint64_t top = (uint64_t)to[i] << drop;
            to[i] = plan->is_signed ? (int64_t)top >> drop : (int64_t)(top >> drop);
        }
    }
}

static size_t extent(size_t m, size_t stride, size_t row) {
    return m ? ((m - 1) * stride + row) * sizeof(int64_t) : 0;
}

int pqs_wide_run(const pqs_wide_plan *plan, const int64_t *panels, const int64_t *start, size_t m,
                 const int64_t *a, size_t a_stride, int64_t *out, size_t out_stride) {
    if (!plan || !start || (plan->n && !panels) || (m && (!a || (plan->n && !out)))) {
        return PQS_ERROR_NULL;
    }
    const pqs_wide_kernel *const kernel = kernel_of(plan, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    if (pqs_overlap(a, extent(m, a_stride, plan->k), out, extent(m, out_stride, plan->n))) {
        return PQS_ERROR_OVERLAP;
    }
    const size_t group = plan->group ? plan->group : 1, whole = pqs_over(PART_STEPS, group) * group;
    part now = {.kernel = kernel,
                .constants = {plan->group, plan->minimum, plan->maximum},
                .a_stride = a_stride,
                .out_stride = out_stride};
    for (size_t column = 0; column < plan->n; column += kernel->columns) {
        const size_t left = plan->n - column;
        now.columns = left < kernel->columns ? left : kernel->columns;
        for (size_t first = 0; first < plan->k; first += whole) {
            now.steps = plan->k - first < whole ? plan->k - first : whole;
            now.b = panels + column * plan->k + first * kernel->columns;
            run_part(&now, m, a + first, first ? NULL : start + column, out + column);
        }
    }
    keep_bits(plan, m, out, out_stride);
    return PQS_OK;
}
