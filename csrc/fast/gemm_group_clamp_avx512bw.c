/* Groups clamped at every addition by vpmaddwd on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512BW__
#include "fast/vectors_512.h"

#define A_WORDS 2
#define GROUPED

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const vector sum = _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
    return larger(smaller(sum, held->maximum), held->minimum);
}

static inline vector group_value(vector sum, const constants *held) {
    (void)held;
    return sum;
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_group_clamp__avx512bw = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_group_clamp__avx512bw = {0};
#endif
