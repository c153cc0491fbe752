/* The product with places of 4 bits by vpermb and vpdpbusd on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
#include "fast/vectors_512.h"

#define A_WORDS 2
#define FEW_ROWS 2
#define FLIPS
#define column_word look_up

/* Of an index the upper two bits do not count, and the next two choose the same table. */
static inline vector look_up(vector bytes, size_t high, const constants *held) {
    return _mm512_permutexvar_epi8(_mm512_srli_epi16(bytes, high ? 4 : 0), held->integers);
}

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm512_dpbusd_epi32(acc, a, b);
}

#include "fast/gemm_body.h"
typedef uint8_t lane_byte;
#include "fast/gemm_row_starts.h"

const pqs_gemm_kernel pqs_gemm_int4__avx512vbmi = {
    .b_elements = 8,
    .a_words = A_WORDS,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
    .start_rows = start_rows,
};
#else
const pqs_gemm_kernel pqs_gemm_int4__avx512vbmi = {0};
#endif
