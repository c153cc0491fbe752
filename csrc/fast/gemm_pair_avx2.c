/* Pairs that saturate at 16 bits by vpmaddubsw on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/vectors_256.h"

#define A_WORDS 1

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    const vector pairs = _mm256_maddubs_epi16(a, b);
    return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_pair__avx2 = {
    .b_elements = 4,
    .a_words = A_WORDS,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_pair__avx2 = {0};
#endif
