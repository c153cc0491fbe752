/* Pairs that saturate at 16 bits by vpmaddubsw on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512VNNI__
#include "fast/vectors_512.h"

#define A_WORDS 1

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm512_dpwssd_epi32(acc, _mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1));
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_pair__avx512vnni = {
    .b_elements = 4,
    .a_words = A_WORDS,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_pair__avx512vnni = {0};
#endif
