/* Saturating groups at the top of the lane by vpdpwssds on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512VNNI__
#include "fast/vectors_512.h"

#define A_WORDS 2
#define GROUPED

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm512_dpwssds_epi32(acc, a, b);
}

static inline vector group_value(vector sum, const constants *held) {
    return _mm512_sra_epi32(sum, held->group_shift);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_group_top__avx512vnni = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_group_top__avx512vnni = {0};
#endif
