/* Sums of entries of tables in plain C. Gather instructions were measured, and are no faster. */
#include "fast/gemm_lookup.h"

/* acc[c] += the entries of four rows */
static void add_entries(size_t columns, const int32_t *const *rows, const uint8_t *places,
                        uint32_t *restrict acc) {
    const int32_t *const first = rows[0], *const second = rows[1], *const third = rows[2],
                        *const fourth = rows[3];
    for (size_t c = 0; c < columns; c++) {
        acc[c] += (uint32_t)first[places[c]] + (uint32_t)second[places[COLUMNS + c]] +
                  (uint32_t)third[places[2 * COLUMNS + c]] +
                  (uint32_t)fourth[places[3 * COLUMNS + c]];
    }
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *constants, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    const int32_t *const tables = constants->tables;
    for (size_t r = 0; r < rows; r++) {
        uint32_t acc[COLUMNS];
        memcpy(acc, start + r * start_stride, constants->columns * sizeof *acc);
        for (size_t i = 0; i < steps; i++) {
            const int32_t *entries[STEP_K];
            for (size_t k = 0; k < STEP_K; k++) {
                entries[k] = tables + row_at(a + r * a_row + i * a_step, k) * constants->width;
            }
            add_entries(constants->columns, entries,
                        (const uint8_t *)b + i * STEP_K * COLUMNS, acc);
        }
        memcpy(out + r * out_stride, acc, constants->columns * sizeof *acc);
    }
}

const pqs_gemm_kernel pqs_gemm_gather__portable = {
    .b_elements = STEP_K,
    .a_words = STEP_K,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
