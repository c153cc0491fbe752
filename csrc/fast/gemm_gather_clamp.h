/* A clamped accumulator of entries of tables in plain C: the entries of four k side by side first,
 * so that compilers clamp many columns at a time. */
#include "fast/gemm_lookup.h"

static void find_entries(size_t columns, const int32_t *entries, const uint8_t *places,
                         int32_t *restrict found) {
    for (size_t c = 0; c < columns; c++) found[c] = entries[places[c]];
}

static void add_clamped(size_t columns, int32_t terms[STEP_K][COLUMNS], int32_t minimum,
                        int32_t maximum, int32_t *restrict acc) {
    for (size_t c = 0; c < columns; c++) {
        int32_t sum = acc[c];
        for (size_t k = 0; k < STEP_K; k++) {
            sum += terms[k][c];
            sum = sum < maximum ? sum : maximum;
            sum = sum > minimum ? sum : minimum;
        }
        acc[c] = sum;
    }
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *constants, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    const int32_t *const tables = constants->tables;
    const size_t columns = constants->columns;
    for (size_t r = 0; r < rows; r++) {
        int32_t acc[COLUMNS], terms[STEP_K][COLUMNS];
        memcpy(acc, start + r * start_stride, columns * sizeof *acc);
        for (size_t i = 0; i < steps; i++) {
            for (size_t k = 0; k < STEP_K; k++) {
                const size_t row = row_at(a + r * a_row + i * a_step, k);
                find_entries(columns, tables + row * constants->width,
                             (const uint8_t *)b + (i * STEP_K + k) * COLUMNS, terms[k]);
            }
            add_clamped(columns, terms, constants->minimum, constants->maximum, acc);
        }
        memcpy(out + r * out_stride, acc, columns * sizeof *acc);
    }
}
