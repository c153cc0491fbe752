/* Products from tables by vpermb, summed by vpdpbusd, where the compiler can. */
#include "fast/gemm.h"

#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
#include "fast/vectors_512.h"

#define A_WORDS 1
#define LOAD_A load

static inline vector multiply_add(vector acc, vector tables, vector places, const constants *held) {
    return _mm512_dpbusd_epi32(acc, held->multipliers, _mm512_permutexvar_epi8(places, tables));
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_table__avx512vbmi = {
    .b_elements = 4,
    .a_words = 16,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_table__avx512vbmi = {0};
#endif
