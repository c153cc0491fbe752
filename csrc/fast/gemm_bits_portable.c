/* Counts of bits in plain C. */
#include "fast/gemm.h"

#include <string.h>

#define COLUMNS 16

static inline uint32_t count(uint32_t bits) {
    const uint32_t twos = bits - (bits >> 1 & 0x55555555u);
    const uint32_t fours = (twos & 0x33333333u) + (twos >> 2 & 0x33333333u);
    const uint32_t bytes = (fours + (fours >> 4)) & 0x0f0f0f0fu;
    const uint32_t halves = bytes + (bytes >> 8);
    return (halves + (halves >> 16)) & 63;
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *constants, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    const uint32_t differ = constants->a_flip ? ~0u : 0;
    for (size_t r = 0; r < rows; r++) {
        uint32_t counts[COLUMNS] = {0};
        for (size_t i = 0; i < steps; i++) {
            uint32_t x, y[COLUMNS];
            memcpy(&x, a + r * a_row + i * a_step, sizeof x);
            memcpy(y, b + i * sizeof y, sizeof y);
            for (int c = 0; c < COLUMNS; c++) {
                counts[c] += count((x ^ (y[c] & differ)) & (y[c] | differ));
            }
        }
        for (int c = 0; c < COLUMNS; c++) {
            const uint32_t first = (uint32_t)start[r * start_stride + (size_t)c];
            out[r * out_stride + (size_t)c] = (int32_t)(first + counts[c] * constants->multipliers);
        }
    }
}

const pqs_gemm_kernel pqs_gemm_bits__portable = {
    .b_elements = 32,
    .a_words = 1,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
