/* Pairs that saturate at 16 bits by vpmaddubsw on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512BW__
#include "fast/vectors_512.h"

#define A_WORDS 1

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    const vector pairs = _mm512_maddubs_epi16(a, b);
    return _mm512_add_epi32(acc, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_pair__avx512bw = {
    .b_elements = 4,
    .a_words = A_WORDS,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_pair__avx512bw = {0};
#endif
