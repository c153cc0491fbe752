/* The product with places of 4 bits by vpshufb and vpdpbusd on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVXVNNI__
#include "fast/vectors_256.h"

#define A_WORDS 2
#define FEW_ROWS 2
#define FLIPS
#define column_word integers_of

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm256_dpbusd_avx_epi32(acc, a, b);
}

#include "fast/gemm_body.h"
typedef uint8_t lane_byte;
#include "fast/gemm_row_starts.h"

const pqs_gemm_kernel pqs_gemm_int4__avxvnni = {
    .b_elements = 8,
    .a_words = A_WORDS,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
    .start_rows = start_rows,
};
#else
const pqs_gemm_kernel pqs_gemm_int4__avxvnni = {0};
#endif
