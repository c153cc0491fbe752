/* Sums of entries of tables by vpermb and vpermi2b, where the compiler can. */
#include "fast/gemm.h"

#if defined(__AVX512VBMI__)
#include "fast/gemm_permute_512.h"

#define PART_STEPS 64 /* 16 bits hold the sum of 256 bytes */

/* Of a vector of bytes for each of some k: in lane i of `pairs` the sum of bytes 2i plus 256 times
 * that of bytes 2i + 1, mod 2^16; of `seconds` the latter. */
typedef struct {
    vector pairs, seconds;
} sums;

/* out[c] = start[c] + 2^shift * sum of bytes c */
ALWAYS_INLINE void add_sums(sums of, int shift, const int32_t *start, int32_t *out) {
    const vector zero = _mm512_setzero_si512();
    const vector firsts = _mm512_sub_epi16(of.pairs, _mm512_slli_epi16(of.seconds, 8));
    const vector low = _mm512_unpacklo_epi16(firsts, of.seconds);
    const vector high = _mm512_unpackhi_epi16(firsts, of.seconds);
    /* Quarter q of words[j]: bytes 16q + 4j to 16q + 4j + 3. */
    const vector words[4] = {_mm512_unpacklo_epi16(low, zero), _mm512_unpackhi_epi16(low, zero),
                             _mm512_unpacklo_epi16(high, zero), _mm512_unpackhi_epi16(high, zero)};
    uint32_t found[4][4][4];
    for (size_t j = 0; j < 4; j++) _mm512_storeu_si512(found[j], words[j]);
    for (size_t c = 0; c < BYTES; c++) {
        const uint32_t sum = found[c / 4 % 4][c / 16][c % 4] << shift;
        out[c] = (int32_t)((uint32_t)start[c] + sum);
    }
}

/* out[c] = start[c] + 2^shift * sum over k of its row's entry at its place of column c */
ALWAYS_INLINE void run_columns(const size_t vectors, const size_t registers, size_t steps,
                               const char *a, size_t a_step, const uint8_t *table, const uint8_t *b,
                               int shift, const int32_t *start, int32_t *out) {
    sums acc[VECTORS];
    UNROLLED
    for (size_t v = 0; v < vectors; v++) acc[v] = (sums){_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (size_t i = 0; i < steps; i++) {
        for (size_t k = 0; k < STEP_K; k++) {
            vector row[4];
            load_table(registers, table + row_at(a, k) * registers * BYTES, row);
            UNROLLED
            for (size_t v = 0; v < vectors; v++) {
                const vector places = _mm512_loadu_si512(b + k * COLUMNS + v * BYTES);
                const vector found = look_up(registers, row, places);
                acc[v].pairs = _mm512_add_epi16(acc[v].pairs, found);
                acc[v].seconds = _mm512_add_epi16(acc[v].seconds, _mm512_srli_epi16(found, 8));
            }
        }
        a += a_step;
        b += STEP_K * COLUMNS;
    }
    UNROLLED
    for (size_t v = 0; v < vectors; v++) add_sums(acc[v], shift, start + v * BYTES, out + v * BYTES);
}

ALWAYS_INLINE void run_registers(const size_t registers, size_t vectors, size_t steps,
                                 const char *a, size_t a_step, const uint8_t *table,
                                 const uint8_t *b, int shift, const int32_t *start, int32_t *out) {
#define RUN(v) run_columns(v, registers, steps, a, a_step, table, b, shift, start, out)
    switch (vectors) {
    case 1: RUN(1); break;
    case 2: RUN(2); break;
    case 3: RUN(3); break;
    default: RUN(4); break;
    }
#undef RUN
}

static void run_part(size_t steps, const char *a, size_t a_step, const pqs_gemm_constants *given,
                     size_t plane, const uint8_t *b, const int32_t *start, int32_t *out) {
    const size_t vectors = (given->columns + BYTES - 1) / BYTES;
    const uint8_t *const table = (const uint8_t *)given->tables + plane * ROWS * given->width;
    const int shift = 8 * (int)plane;
#define RUN(n) run_registers(n, vectors, steps, a, a_step, table, b, shift, start, out)
    switch (given->width) {
    case 64: RUN(1); break;
    case 128: RUN(2); break;
    default: RUN(4); break;
    }
#undef RUN
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *given, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    for (size_t r = 0; r < rows; r++) {
        const int32_t *from = start + r * start_stride;
        for (size_t first = 0; first < steps; first += PART_STEPS) {
            const size_t left = steps - first;
            for (size_t plane = 0; plane < given->planes; plane++) {
                run_part(left < PART_STEPS ? left : PART_STEPS, a + r * a_row + first * a_step, a_step,
                         given, plane, (const uint8_t *)b + first * STEP_K * COLUMNS, from,
                         out + r * out_stride);
                from = out + r * out_stride;
            }
        }
    }
}

const pqs_gemm_kernel pqs_gemm_permute__avx512vbmi = {
    .b_elements = STEP_K,
    .a_words = STEP_K,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_permute__avx512vbmi = {0};
#endif
