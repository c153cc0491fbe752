/* Matrix products in int32: blocks that stay in the caches, edges. */
#include "plan/gemm.h"

#include <string.h>

#define PART_WORDS 16384 /* of a panel that stay near while the rows of a block pass */
#define NEAR_BYTES 1048576 /* of all planes' panels that stay near from block to block of rows */
#define PART_COLUMNS 32  /* of the narrowest panel that has so many */
#if PART_WORDS / PART_COLUMNS > PQS_GEMM_COUNTED_STEPS
#error "a tile would count more bits than its lanes hold"
#endif

/* One tile; whether its parts, if they are checked, held. */
static int run_tile(const pqs_gemm_block *of, const pqs_gemm_constants *constants, size_t rows,
                    size_t steps, const char *a, const char *b, const int32_t *start,
                    size_t start_stride, int32_t *out, size_t out_stride) {
    if (of->parts) {
        return of->kernel->checked(rows, steps, a, of->a_stride, of->a_step, constants, of->parts, b,
                                   start, start_stride, out, out_stride);
    }
    of->kernel->tile(rows, steps, a, of->a_stride, of->a_step, constants, b, start, start_stride,
                     out, out_stride);
    return 1;
}

/* A tile whose panel has columns beyond n: they stay in `edge`. */
static int run_edge(const pqs_gemm_block *of, size_t rows, size_t steps, const char *a,
                    const char *b, const int32_t *start, size_t start_stride, int32_t *out,
                    size_t columns) {
    int32_t edge[PQS_GEMM_ROWS][PQS_GEMM_MAX_COLUMNS] = {{0}};
    for (size_t r = 0; r < rows; r++) {
        memcpy(edge[r], start + r * start_stride, columns * sizeof *edge[r]);
    }
    pqs_gemm_constants constants = of->constants;
    constants.columns = columns;
    const int held = run_tile(of, &constants, rows, steps, a, b, edge[0], PQS_GEMM_MAX_COLUMNS,
                              edge[0], PQS_GEMM_MAX_COLUMNS);
    for (size_t r = 0; r < rows; r++) {
        memcpy(out + r * of->out_stride, edge[r], columns * sizeof *edge[r]);
    }
    return held;
}

/* All rows of the block times some steps of one panel. The rows are cut into tiles as even as may
 * be: a tile of few rows does not hide the multiplier's latency. */
int pqs_gemm_run_panel(const pqs_gemm_block *of, size_t panel, size_t first, size_t steps) {
    const size_t tiles = pqs_over(of->rows, PQS_GEMM_ROWS), column = panel * of->columns;
    const size_t few = of->rows / tiles, longer = of->rows % tiles;
    const size_t left = of->n - column;
    const char *const b = of->panels + (panel * of->steps + first) * of->columns * PQS_GEMM_WORD;
    const char *a = of->a + first * of->a_step;
    int32_t *out = of->out + column;
    for (size_t tile = 0; tile < tiles; tile++) {
        const size_t rows = few + (tile < longer);
        const int goes_on = first || of->adds;
        const int32_t *start = goes_on ? out : of->start + column;
        size_t start_stride = goes_on ? of->out_stride : 0;
        int32_t starts[PQS_GEMM_ROWS * PQS_GEMM_MAX_COLUMNS];
        if (of->b_offsets && !goes_on) {
            of->kernel->start_rows(rows, of->k, a, of->a_stride, &of->constants, start,
                                   of->b_offsets + column, starts);
            start = starts;
            start_stride = of->columns;
        }
        const int held = left >= of->columns
                             ? run_tile(of, &of->constants, rows, steps, a, b, start, start_stride,
                                        out, of->out_stride)
                             : run_edge(of, rows, steps, a, b, start, start_stride, out, left);
        if (!held) return 0;
        a += rows * of->a_stride;
        out += rows * of->out_stride;
    }
    return 1;
}

/* Panel by panel: its columns of out stay in the first cache from part to part of the steps; one
 * tile reads a panel only once, unless it counts. */
static void run_block(const pqs_gemm_block *of) {
    const int whole = of->rows <= PQS_GEMM_ROWS && !of->counts;
    const size_t most = PART_WORDS / (of->columns < PART_COLUMNS ? PART_COLUMNS : of->columns);
    const size_t parts = whole ? 1 : pqs_over(of->steps, most);
    const size_t even = pqs_over(of->steps, parts);
    const size_t part = pqs_over(even, of->group_steps) * of->group_steps;
    for (size_t panel = 0; panel * of->columns < of->n; panel++) {
        for (size_t first = 0; first < of->steps; first += part) {
            const size_t steps = of->steps - first < part ? of->steps - first : part;
            pqs_gemm_run_panel(of, panel, first, steps);
        }
    }
}

void pqs_keep_bits(int bits, int is_signed, size_t rows, size_t n, int32_t *out,
                   size_t out_stride) {
    if (bits == 32) return;
    const int shift = 32 - bits;
    for (size_t row = 0; row < rows; row++) {
        int32_t *const to = out + row * out_stride;
        if (is_signed) {
            for (size_t i = 0; i < n; i++) to[i] = (int32_t)((uint32_t)to[i] << shift) >> shift;
        } else {
            for (size_t i = 0; i < n; i++) to[i] = (int32_t)((uint32_t)to[i] << shift >> shift);
        }
    }
}

/* From what the lanes hold to numbers of `bits` bits. */
static void finish(const pqs_gemm_plan *plan, size_t rows, int32_t *out, size_t out_stride) {
    if (pqs_gemm_clamps(plan) || plan->bits == 32) return;
    if (!pqs_gemm_is_top(plan)) {
        pqs_keep_bits(plan->bits, plan->is_signed, rows, plan->n, out, out_stride);
        return;
    }
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < plan->n; i++) out[row * out_stride + i] >>= 32 - plan->bits;
    }
}

/* Bytes from the first to the last of `count` rows. */
static size_t extent(size_t count, size_t stride, size_t row) {
    return count && row ? (count - 1) * stride + row : 0;
}

int pqs_overlap(const void *x, size_t x_bytes, const void *y, size_t y_bytes) {
    const uintptr_t x_at = (uintptr_t)x, y_at = (uintptr_t)y;
    return x_at < y_at ? y_at - x_at < x_bytes && y_bytes : x_at - y_at < y_bytes && x_bytes;
}

/* The block that all rows of a call share; PQS_OK, or why there is none. */
int pqs_gemm_begin(const pqs_gemm_plan *plan, const void *panels, const int32_t *start, size_t m,
                   const void *a, size_t a_stride, int32_t *out, size_t out_stride,
                   const void *scratch, pqs_gemm_block *now) {
    if (!plan || !panels || !start) return PQS_ERROR_NULL;
    const pqs_gemm_kernel *const kernel = pqs_gemm_kernel_of(plan, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    const int packs = !pqs_gemm_takes_rows(plan, kernel);
    if ((m && !a) || (m && plan->n && !out) || (m && packs && !scratch)) return PQS_ERROR_NULL;
    const size_t a_row = pqs_gemm_row_length(plan) * pqs_gemm_element_bytes(plan);
    if (pqs_overlap(a, extent(m, a_stride, a_row), out,
                    extent(m, out_stride * sizeof *out, plan->n * sizeof *out))) {
        return PQS_ERROR_OVERLAP;
    }
    const size_t group_steps =
        pqs_gemm_is_grouped(plan) ? plan->group / kernel->b_elements : 1;
    *now = (pqs_gemm_block){.kernel = kernel,
                            .constants = {.a_flip = pqs_gemm_a_flip(plan, kernel),
                                          .multipliers = pqs_gemm_bits_factor(plan),
                                          .minimum = plan->minimum,
                                          .maximum = plan->maximum,
                                          .group_steps = group_steps,
                                          .outer_minimum = plan->outer_minimum,
                                          .outer_maximum = plan->outer_maximum,
                                          .group_shift = 32 - plan->group_bits,
                                          .tables = plan->tables,
                                          .planes = (size_t)plan->planes,
                                          .width = pqs_gemm_width(plan),
                                          .columns = kernel->columns},
                            .group_steps = group_steps,
                            .steps = pqs_gemm_steps(plan, kernel),
                            .columns = kernel->columns,
                            .n = plan->n,
                            .panels = panels,
                            .start = start,
                            .b_offsets = pqs_gemm_takes_offsets(plan) ? plan->b_offsets : NULL,
                            .k = plan->k,
                            .a_stride = packs ? pqs_gemm_row_bytes(plan, kernel) : a_stride,
                            .a_step = kernel->a_words * PQS_GEMM_WORD,
                            .block_rows = pqs_gemm_block_rows(plan, kernel),
                            .out_stride = out_stride,
                            .packs = packs,
                            .counts = plan->kind == PQS_GEMM_BITS};
    if (plan->kind == PQS_GEMM_INT4) memcpy(now->constants.integers, plan->tables, PQS_GEMM_PLACES);
    return PQS_OK;
}

/* The block of rows at hand times one plane of b. */
static void run_plane(const pqs_gemm_plan *plan, size_t plane, size_t out_plane, int is_whole,
                      pqs_gemm_block of) {
    size_t panels, starts, scratch;
    pqs_gemm_sizes(plan, &panels, &starts, &scratch);
    of.panels += plane * panels;
    of.start += plane * starts;
    if (of.b_offsets) of.b_offsets += plane * starts;
    of.out += plane * out_plane;
    run_block(&of);
    if (!is_whole) return;
    if (of.counts) pqs_gemm_bits_add_rows(plan, &of);
    finish(plan, of.rows, of.out, of.out_stride);
}

/* All rows times the planes first..stop-1, each block of rows packed once. */
static int run_planes(const pqs_gemm_plan *plan, size_t first, size_t stop, size_t m,
                      const void *a, size_t a_stride, int32_t *out, size_t out_plane,
                      void *scratch, pqs_gemm_block now) {
    const size_t tables = pqs_gemm_has_tables(plan) ? (size_t)plan->planes : 1;
    for (size_t row = 0; row < m; row += now.block_rows) {
        const char *const rows = (const char *)a + row * a_stride;
        now.rows = m - row < now.block_rows ? m - row : now.block_rows;
        now.out = out + row * now.out_stride;
        for (size_t table = 0; table < tables; table++) {
            const int packed = pqs_gemm_pack_rows(plan, table, rows, a_stride, scratch, &now);
            if (packed != PQS_OK) return packed;
            now.adds = table > 0;
            if (pqs_gemm_has_tables(plan)) {
                now.constants.multipliers = table ? 0x80808080u : 0x01010101u;
            }
            for (size_t plane = first; plane < stop; plane++) {
                run_plane(plan, plane, out_plane, table + 1 == tables, now);
            }
        }
    }
    return PQS_OK;
}

int pqs_gemm_run_planes(const pqs_gemm_plan *plan, size_t planes, const void *panels,
                        const int32_t *start, size_t m, const void *a, size_t a_stride,
                        int32_t *out, size_t out_stride, size_t out_plane, void *scratch) {
    if (!planes) return PQS_OK;
    pqs_gemm_block now;
    for (size_t plane = planes; plane-- > 0;) { /* the last one looked at is plane 0 */
        int32_t *const to = out ? out + plane * out_plane : NULL;
        const int status =
            pqs_gemm_begin(plan, panels, start, m, a, a_stride, to, out_stride, scratch, &now);
        if (status != PQS_OK) return status;
    }
    size_t plane_bytes, starts, scratch_bytes;
    pqs_gemm_sizes(plan, &plane_bytes, &starts, &scratch_bytes);
    const size_t near = plane_bytes * planes > NEAR_BYTES ? 1 : planes;
    for (size_t first = 0; first < planes; first += near) {
        const int done = run_planes(plan, first, first + near, m, a, a_stride, out, out_plane,
                                    scratch, now);
        if (done != PQS_OK) return done;
    }
    return PQS_OK;
}

int pqs_gemm_run(const pqs_gemm_plan *plan, const void *panels, const int32_t *start, size_t m,
                 const void *a, size_t a_stride, int32_t *out, size_t out_stride, void *scratch) {
    return pqs_gemm_run_planes(plan, 1, panels, start, m, a, a_stride, out, out_stride, 0, scratch);
}
