/* A saturating accumulator at the top of the lane by vpdpwssds on 512 bits where there is one. */
#include "fast/gemm.h"

#ifdef __AVX512VNNI__
#include "fast/vectors_512.h"

#define A_WORDS 2

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm512_dpwssds_epi32(acc, a, b);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_top__avx512vnni = {
    .b_elements = 2,
    .a_words = 2,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_top__avx512vnni = {0};
#endif
