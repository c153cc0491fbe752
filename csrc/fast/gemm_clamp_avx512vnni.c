/* A clamped accumulator by vpdpwssd, vpminsd and vpmaxsd on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512VNNI__
#include "fast/vectors_512.h"

#define A_WORDS 2

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const vector sum = _mm512_dpwssd_epi32(acc, a, b);
    return _mm512_max_epi32(_mm512_min_epi32(sum, held->maximum), held->minimum);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_clamp__avx512vnni = {
    .b_elements = 2,
    .a_words = 2,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_clamp__avx512vnni = {0};
#endif
