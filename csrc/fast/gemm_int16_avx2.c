/* The int16 product by vpmaddwd on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/vectors_256.h"

#define A_WORDS 1
#define CHECKED

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_int16__avx2 = {
    .b_elements = 2,
    .a_words = 1,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
    .checked = check_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_int16__avx2 = {0};
#endif
