/* Matrix products in int32: b in panels, a in words, blocks that stay in the caches, edges. */
#include "plan/plan.h"

#include <string.h>

#define ROW_BLOCK 96   /* rows of a that meet all of b before the next rows do */
#define STEP_BLOCK 160 /* steps of a panel that stay in the first cache: 20 KiB */
#define WORD 4         /* bytes */
#define LINE 64
#define PLACES 16 /* of a table */

/* ---- sizes ---------------------------------------------------------------------------------- */

static size_t over(size_t count, size_t by) { return count / by + (count % by != 0); }

static size_t steps_of(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    return over(plan->k, kernel->b_elements);
}

static size_t panels_of(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    return over(plan->n, kernel->columns);
}

static size_t element_bytes(const pqs_gemm_plan *plan) {
    return plan->a_element == PQS_ELEMENT_INT16 ? 2 : 1;
}

/* Of a row of packed a; a line more than it needs, so that rows do not share cache sets. */
static size_t row_bytes(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    const size_t bytes = steps_of(plan, kernel) * kernel->a_words * WORD;
    return over(bytes, LINE) * LINE + LINE;
}

/* Whether a's own rows are words of the kernel: its elements, and no part of a word at the end. */
static int takes_rows(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    return kernel->a_words == 1 && element_bytes(plan) * kernel->b_elements == WORD &&
           plan->k % kernel->b_elements == 0;
}

static int is_bytes(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_INT8 || plan->kind == PQS_GEMM_TABLE;
}

static int valid(const pqs_gemm_plan *plan) {
    const int top = plan->kind == PQS_GEMM_TOP;
    return plan->k >= 1 && plan->a_element >= PQS_ELEMENT_UINT8 && plan->a_element <= PQS_ELEMENT_INT16 &&
           !(is_bytes(plan) && plan->a_element == PQS_ELEMENT_INT16) &&
           (plan->kind != PQS_GEMM_TABLE || (plan->tables && plan->planes >= 1 && plan->planes <= 2)) &&
           (plan->kind == PQS_GEMM_CLAMP || (plan->bits >= 1 && plan->bits <= 32)) &&
           (!top || (plan->bits >= 2 && plan->a_shift >= 0 && plan->a_shift <= 15 &&
                     32 - plan->bits - plan->a_shift >= 0 && 32 - plan->bits - plan->a_shift <= 15));
}

static const pqs_gemm_kernel *kernel_of(const pqs_gemm_plan *plan, int *isa) {
    return valid(plan) ? pqs_gemm_for(plan->kind, plan->isa, isa) : NULL;
}

int pqs_gemm_isa(const pqs_gemm_plan *plan) {
    int isa = PQS_ISA_AUTO;
    if (plan) kernel_of(plan, &isa);
    return isa;
}

void pqs_gemm_sizes(const pqs_gemm_plan *plan, size_t *panels, size_t *start, size_t *scratch) {
    const pqs_gemm_kernel *const kernel = kernel_of(plan, NULL);
    *panels = *start = *scratch = 0;
    if (!kernel) return;
    *start = panels_of(plan, kernel) * kernel->columns;
    *panels = *start * steps_of(plan, kernel) * WORD;
    *scratch = takes_rows(plan, kernel) ? 0 : ROW_BLOCK * row_bytes(plan, kernel);
}

/* ---- b -------------------------------------------------------------------------------------- */

static int b_shift(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_TOP ? 32 - plan->bits - plan->a_shift : 0;
}

static uint32_t a_flip(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    const int is_signed = plan->a_element != PQS_ELEMENT_UINT8;
    return plan->kind == PQS_GEMM_INT8 && is_signed != kernel->a_signed ? 0x80808080u : 0;
}

/* One column of a panel: a word every `columns` words. */
static void pack_column(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel, const int64_t *b,
                        char *words) {
    const size_t elements = kernel->b_elements, step_bytes = kernel->columns * WORD;
    const int64_t factor = INT64_C(1) << b_shift(plan);
    for (size_t first = 0; first < plan->k; first += elements) {
        const size_t count = plan->k - first < elements ? plan->k - first : elements;
        int8_t bytes[4] = {0};
        int16_t pair[2] = {0};
        if (plan->kind == PQS_GEMM_TABLE) {
            for (size_t i = 0; i < elements; i++) { /* beyond k: the tables are 0 */
                bytes[i] = (int8_t)((i < count ? b[first + i] : 0) + PLACES * (int64_t)i);
            }
            memcpy(words, bytes, WORD);
        } else if (elements == 4) {
            for (size_t i = 0; i < count; i++) bytes[i] = (int8_t)b[first + i];
            memcpy(words, bytes, WORD);
        } else {
            for (size_t i = 0; i < count; i++) pair[i] = (int16_t)(b[first + i] * factor);
            memcpy(words, pair, WORD);
        }
        words += step_bytes;
    }
}

static int is_sum(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_INT8 || plan->kind == PQS_GEMM_INT16;
}

/* What the lanes' a are too large by. */
static uint32_t a_offset(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    if (!is_sum(plan)) return 0;
    const uint32_t zero_point = (uint32_t)plan->a_zero_point;
    if (!a_flip(plan, kernel)) return zero_point;
    return zero_point + (kernel->a_signed ? (uint32_t)-128 : 128u);
}

/* sum((a - za) * b) = sum((a + f) * b) - (za + f) * sum(b), where a flip adds f = 128 to every a, or
 * -128 where the kernel's bytes are signed. */
static int32_t start_of(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel,
                        const int64_t *b) {
    uint32_t sum = 0;
    for (size_t k = 0; k < plan->k; k++) sum += (uint32_t)b[k];
    return (int32_t)(0u - a_offset(plan, kernel) * sum);
}

int pqs_gemm_pack(const pqs_gemm_plan *plan, const int64_t *b, size_t b_stride, void *panels,
                  int32_t *start) {
    if (!plan || (!b && plan->n) || !panels || !start) return PQS_ERROR_NULL;
    const pqs_gemm_kernel *const kernel = kernel_of(plan, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    const size_t panel_bytes = steps_of(plan, kernel) * kernel->columns * WORD;
    for (size_t column = 0; column < panels_of(plan, kernel) * kernel->columns; column++) {
        char *const words = (char *)panels + column / kernel->columns * panel_bytes +
                            column % kernel->columns * WORD;
        if (column < plan->n) {
            const int64_t *const own = b + column * b_stride;
            pack_column(plan, kernel, own, words);
            start[column] = start_of(plan, kernel, own);
        } else {
            for (size_t i = 0; i < steps_of(plan, kernel); i++) {
                memset(words + i * kernel->columns * WORD, 0, WORD);
            }
            start[column] = 0;
        }
    }
    return PQS_OK;
}

/* ---- a -------------------------------------------------------------------------------------- */

static int16_t element(const pqs_gemm_plan *plan, const void *row, size_t k) {
    switch (plan->a_element) {
    case PQS_ELEMENT_UINT8: return ((const uint8_t *)row)[k];
    case PQS_ELEMENT_INT8: return ((const int8_t *)row)[k];
    default: return ((const int16_t *)row)[k];
    }
}

static void widen_row(const pqs_gemm_plan *plan, const void *row, int16_t *to) {
    const size_t k = plan->k;
    switch (plan->a_element) {
    case PQS_ELEMENT_UINT8:
        for (size_t i = 0; i < k; i++) to[i] = ((const uint8_t *)row)[i];
        break;
    case PQS_ELEMENT_INT8:
        for (size_t i = 0; i < k; i++) to[i] = ((const int8_t *)row)[i];
        break;
    default: memcpy(to, row, k * sizeof *to);
    }
}

/* One k a word: in the low half for even k, in the high half for odd k. */
static void spread_row(const pqs_gemm_plan *plan, const void *row, uint32_t *to) {
    for (size_t k = 0; k < plan->k; k++) {
        const int32_t x = element(plan, row, k) - plan->a_zero_point;
        const uint32_t value = (uint16_t)(x * (1 << plan->a_shift));
        to[k] = value << 16 * (k % 2);
    }
}

/* For each k the table of its element, by its byte. */
static void tabulate_row(const pqs_gemm_plan *plan, size_t plane, const uint8_t *row, char *to) {
    const int8_t *const tables = plan->tables + plane * 256 * PLACES;
    for (size_t k = 0; k < plan->k; k++) memcpy(to + k * PLACES, tables + row[k] * PLACES, PLACES);
}

static void pack_row(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel, size_t plane,
                     const void *row, char *to) {
    const size_t element = kernel->a_words * WORD / kernel->b_elements, used = plan->k * element;
    if (plan->kind == PQS_GEMM_TABLE) {
        tabulate_row(plan, plane, row, to);
    } else if (kernel->a_words == 2) {
        spread_row(plan, row, (uint32_t *)(void *)to);
    } else if (kernel->b_elements == 4) {
        memcpy(to, row, used);
    } else {
        widen_row(plan, row, (int16_t *)(void *)to);
    }
    memset(to + used, 0, steps_of(plan, kernel) * kernel->a_words * WORD - used);
}

/* ---- the product ---------------------------------------------------------------------------- */

/* Everything that stays the same from tile to tile of one block of rows. */
typedef struct {
    const pqs_gemm_kernel *kernel;
    pqs_gemm_constants constants;
    size_t steps, columns, n; /* of b: steps of a panel, columns of a panel, columns that are there */
    const char *panels;
    const int32_t *start;
    const char *a; /* rows in words: its own, or those that were packed */
    size_t a_stride, a_step;
    size_t rows;
    int32_t *out;
    size_t out_stride;
    int packs; /* a's own rows are no words */
    int adds;  /* to what is in out, not to start */
} block;

/* A tile whose panel has columns beyond n: they stay in `edge`. */
static void run_edge(const block *of, size_t rows, size_t steps, const char *a, const char *b,
                     const int32_t *start, size_t start_stride, int32_t *out, size_t columns) {
    int32_t edge[PQS_GEMM_ROWS][PQS_GEMM_MAX_COLUMNS] = {{0}};
    for (size_t r = 0; r < rows; r++) {
        memcpy(edge[r], start + r * start_stride, columns * sizeof *edge[r]);
    }
    of->kernel->tile(rows, steps, a, of->a_stride, of->a_step, &of->constants, b, edge[0],
             PQS_GEMM_MAX_COLUMNS, edge[0], PQS_GEMM_MAX_COLUMNS);
    for (size_t r = 0; r < rows; r++) {
        memcpy(out + r * of->out_stride, edge[r], columns * sizeof *edge[r]);
    }
}

/* All rows of the block times some steps of one panel. The rows are cut into tiles as even as may
 * be: a tile of few rows does not hide the multiplier's latency. */
static void run_panel(const block *of, size_t panel, size_t first, size_t steps) {
    const size_t tiles = over(of->rows, PQS_GEMM_ROWS), column = panel * of->columns;
    const size_t few = of->rows / tiles, longer = of->rows % tiles;
    const size_t left = of->n - column;
    const char *const b = of->panels + (panel * of->steps + first) * of->columns * WORD;
    const char *a = of->a + first * of->a_step;
    int32_t *out = of->out + column;
    for (size_t tile = 0; tile < tiles; tile++) {
        const size_t rows = few + (tile < longer);
        const int goes_on = first || of->adds;
        const int32_t *const start = goes_on ? out : of->start + column;
        const size_t start_stride = goes_on ? of->out_stride : 0;
        if (left >= of->columns) {
            of->kernel->tile(rows, steps, a, of->a_stride, of->a_step, &of->constants, b, start,
                     start_stride, out, of->out_stride);
        } else {
            run_edge(of, rows, steps, a, b, start, start_stride, out, left);
        }
        a += rows * of->a_stride;
        out += rows * of->out_stride;
    }
}

/* Steps in parts that stay in the first cache; few rows read b only once. */
static void run_block(const block *of) {
    const size_t parts = of->rows <= PQS_GEMM_ROWS ? 1 : over(of->steps, STEP_BLOCK);
    const size_t part = over(of->steps, parts);
    for (size_t first = 0; first < of->steps; first += part) {
        const size_t steps = of->steps - first < part ? of->steps - first : part;
        for (size_t panel = 0; panel * of->columns < of->n; panel++) {
            run_panel(of, panel, first, steps);
        }
    }
}

/* From what the lanes hold to numbers of `bits` bits. */
static void finish(const pqs_gemm_plan *plan, size_t rows, int32_t *out, size_t out_stride) {
    if (plan->kind == PQS_GEMM_CLAMP || plan->bits == 32) return;
    const int shift = 32 - plan->bits;
    for (size_t row = 0; row < rows; row++) {
        int32_t *const to = out + row * out_stride;
        if (plan->kind == PQS_GEMM_TOP) {
            for (size_t i = 0; i < plan->n; i++) to[i] >>= shift;
        } else if (plan->is_signed) {
            for (size_t i = 0; i < plan->n; i++) to[i] = (int32_t)((uint32_t)to[i] << shift) >> shift;
        } else {
            for (size_t i = 0; i < plan->n; i++) {
                to[i] = (int32_t)((uint32_t)to[i] << shift >> shift);
            }
        }
    }
}

/* Bytes from the first to the last of `count` rows. */
static size_t extent(size_t count, size_t stride, size_t row) {
    return count && row ? (count - 1) * stride + row : 0;
}

static int overlap(const void *x, size_t x_bytes, const void *y, size_t y_bytes) {
    const uintptr_t x_at = (uintptr_t)x, y_at = (uintptr_t)y;
    return x_at < y_at ? y_at - x_at < x_bytes && y_bytes : x_at - y_at < y_bytes && x_bytes;
}

/* The block that all rows of a call share; PQS_OK, or why there is none. */
static int whole(const pqs_gemm_plan *plan, const void *panels, const int32_t *start, size_t m,
                 const void *a, size_t a_stride, int32_t *out, size_t out_stride,
                 const void *scratch, block *now) {
    if (!plan || !panels || !start) return PQS_ERROR_NULL;
    const pqs_gemm_kernel *const kernel = kernel_of(plan, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    const int packs = !takes_rows(plan, kernel);
    if ((m && !a) || (m && plan->n && !out) || (m && packs && !scratch)) return PQS_ERROR_NULL;
    if (overlap(a, extent(m, a_stride, plan->k * element_bytes(plan)), out,
                extent(m, out_stride * sizeof *out, plan->n * sizeof *out))) {
        return PQS_ERROR_OVERLAP;
    }
    *now = (block){.kernel = kernel,
                   .constants = {.a_flip = a_flip(plan, kernel),
                                 .minimum = plan->minimum,
                                 .maximum = plan->maximum},
                   .steps = steps_of(plan, kernel),
                   .columns = kernel->columns,
                   .n = plan->n,
                   .panels = panels,
                   .start = start,
                   .a_stride = packs ? row_bytes(plan, kernel) : a_stride,
                   .a_step = kernel->a_words * WORD,
                   .out_stride = out_stride,
                   .packs = packs};
    return PQS_OK;
}

/* Words of the rows at hand: a's own, or packed into scratch. */
static void pack_rows(const pqs_gemm_plan *plan, size_t plane, const char *rows, size_t a_stride,
                      void *scratch, block *now) {
    now->a = now->packs ? scratch : rows;
    for (size_t r = 0; now->packs && r < now->rows; r++) {
        pack_row(plan, now->kernel, plane, rows + r * a_stride, (char *)scratch + r * now->a_stride);
    }
}

int pqs_gemm_run(const pqs_gemm_plan *plan, const void *panels, const int32_t *start, size_t m,
                 const void *a, size_t a_stride, int32_t *out, size_t out_stride, void *scratch) {
    block now;
    const int status =
        whole(plan, panels, start, m, a, a_stride, out, out_stride, scratch, &now);
    if (status != PQS_OK) return status;
    const size_t planes = plan->kind == PQS_GEMM_TABLE ? (size_t)plan->planes : 1;
    for (size_t first = 0; first < m; first += ROW_BLOCK) {
        now.rows = m - first < ROW_BLOCK ? m - first : ROW_BLOCK;
        now.out = out + first * out_stride;
        for (size_t plane = 0; plane < planes; plane++) {
            pack_rows(plan, plane, (const char *)a + first * a_stride, a_stride, scratch, &now);
            now.adds = plane > 0;
            now.constants.multipliers = plane ? 0x80808080u : 0x01010101u;
            run_block(&now);
        }
        finish(plan, now.rows, now.out, out_stride);
    }
    return PQS_OK;
}

/* ---- saturating sums that are exact ---------------------------------------------------------- */

void pqs_gemm_check_sizes(const pqs_gemm_plan *plan, size_t part_steps, size_t *parts,
                          size_t *starts, size_t *panels) {
    const pqs_gemm_kernel *const kernel = kernel_of(plan, NULL);
    *parts = *starts = *panels = 0;
    if (!kernel || !part_steps) return;
    *parts = over(steps_of(plan, kernel), part_steps);
    *panels = panels_of(plan, kernel);
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
    const pqs_gemm_kernel *const kernel = kernel_of(plan, NULL);
    if (!kernel || !is_sum(plan) || !checks->part_steps) return PQS_ERROR_NO_KERNEL;
    size_t parts, starts, panels;
    pqs_gemm_check_sizes(plan, checks->part_steps, &parts, &starts, &panels);
    memset(checks->corrections, 0, parts * starts * sizeof *checks->corrections);
    memset(checks->low, 0, parts * panels * sizeof *checks->low);
    memset(checks->high, 0, parts * panels * sizeof *checks->high);
    const size_t part_k = checks->part_steps * kernel->b_elements;
    for (size_t column = 0; column < plan->n; column++) {
        uint32_t left = 0u - (uint32_t)start_of(plan, kernel, b + column * b_stride);
        for (size_t part = 0; part < parts; part++) {
            int64_t low, high;
            const int64_t sum = bound_part(plan, b + column * b_stride, part * part_k,
                                           (part + 1) * part_k, a_low, a_high, &low, &high);
            const size_t panel = part * panels + column / kernel->columns;
            checks->corrections[part * starts + column] = (int32_t)left;
            if (low < checks->low[panel]) checks->low[panel] = low;
            if (high > checks->high[panel]) checks->high[panel] = high;
            left -= a_offset(plan, kernel) * (uint32_t)sum;
        }
    }
    return PQS_OK;
}

/* Whether every prefix of a panel's columns leaves room for the part that follows. */
static int has_room(const block *of, const int32_t *prefixes, size_t stride, size_t rows,
                    const int32_t *corrections, size_t columns, int64_t low, int64_t high) {
    int32_t least, most;
    of->kernel->extremes(rows, columns, prefixes, stride, corrections, &least, &most);
    return least + low >= of->constants.minimum && most + high <= of->constants.maximum;
}

static int run_block_checked(const block *of, const pqs_gemm_checks *checks) {
    const size_t panels = over(of->n, of->columns), starts = panels * of->columns;
    for (size_t first = 0, part = 0; first < of->steps; first += checks->part_steps, part++) {
        const size_t left = of->steps - first;
        const size_t steps = left < checks->part_steps ? left : checks->part_steps;
        for (size_t panel = 0; panel < panels; panel++) {
            const size_t column = panel * of->columns, at = part * panels + panel;
            const size_t columns = of->n - column < of->columns ? of->n - column : of->columns;
            const int32_t *const prefixes = first ? of->out + column : of->start + column;
            if (!has_room(of, prefixes, of->out_stride, first ? of->rows : 1,
                          checks->corrections + part * starts + column, columns, checks->low[at],
                          checks->high[at])) {
                return 0;
            }
            run_panel(of, panel, first, steps);
        }
    }
    return 1;
}

int pqs_gemm_run_checked(const pqs_gemm_plan *plan, const pqs_gemm_checks *checks,
                         const void *panels, const int32_t *start, size_t m, const void *a,
                         size_t a_stride, int32_t *out, size_t out_stride, void *scratch,
                         size_t *done) {
    if (!checks || !done) return PQS_ERROR_NULL;
    block now;
    const int status =
        whole(plan, panels, start, m, a, a_stride, out, out_stride, scratch, &now);
    if (status != PQS_OK) return status;
    if (!is_sum(plan)) return PQS_ERROR_NO_KERNEL;
    for (*done = 0; *done < m; *done += now.rows) {
        now.rows = m - *done < ROW_BLOCK ? m - *done : ROW_BLOCK;
        now.out = out + *done * out_stride;
        pack_rows(plan, 0, (const char *)a + *done * a_stride, a_stride, scratch, &now);
        if (!run_block_checked(&now, checks)) break;
    }
    return PQS_OK;
}
