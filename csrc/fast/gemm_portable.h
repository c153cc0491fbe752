/* The tile of gemm.h in plain C, for pairs of int16. The including file defines A_WORDS and
 * multiply_add(acc, x, y, constants) for one word: two int16 each. */
#include "fast/gemm.h"

#include "fast/gemm_extremes.h"

#include <string.h>

#define COLUMNS 16
#define find_extremes some_extremes

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *constants, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    for (size_t r = 0; r < rows; r++) {
        int32_t acc[COLUMNS];
        memcpy(acc, start + r * start_stride, sizeof acc);
        for (size_t i = 0; i < steps; i++) {
            int16_t y[COLUMNS][2];
            memcpy(y, b + i * sizeof y, sizeof y);
            for (size_t word = 0; word < A_WORDS; word++) {
                int16_t x[2];
                memcpy(x, a + r * a_row + i * a_step + word * sizeof x, sizeof x);
                for (int c = 0; c < COLUMNS; c++) {
                    acc[c] = multiply_add(acc[c], x, y[c], constants);
                }
            }
        }
        memcpy(out + r * out_stride, acc, sizeof acc);
    }
}
