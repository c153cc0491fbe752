/* Groups clamped at every addition by vpmaddwd on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/vectors_256.h"

#define A_WORDS 2
#define GROUPED

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const vector sum = _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
    return larger(smaller(sum, held->maximum), held->minimum);
}

static inline vector group_value(vector sum, const constants *held) {
    (void)held;
    return sum;
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_group_clamp__avx2 = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_group_clamp__avx2 = {0};
#endif
