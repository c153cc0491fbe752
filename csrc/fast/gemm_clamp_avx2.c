/* A clamped accumulator by vpmaddwd, vpminsd and vpmaxsd on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/vectors_256.h"

#define A_WORDS 2

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const vector sum = _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
    return _mm256_max_epi32(_mm256_min_epi32(sum, held->maximum), held->minimum);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_clamp__avx2 = {
    .b_elements = 2,
    .a_words = 2,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_clamp__avx2 = {0};
#endif
