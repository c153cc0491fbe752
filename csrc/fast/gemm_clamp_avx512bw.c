/* A clamped accumulator by vpmaddwd, vpminsd and vpmaxsd on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512BW__
#include "fast/vectors_512.h"

#define A_WORDS 2

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const vector sum = _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
    return _mm512_max_epi32(_mm512_min_epi32(sum, held->maximum), held->minimum);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_clamp__avx512bw = {
    .b_elements = 2,
    .a_words = 2,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_clamp__avx512bw = {0};
#endif
