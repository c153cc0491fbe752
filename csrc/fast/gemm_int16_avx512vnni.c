/* The int16 product by vpdpwssd on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512VNNI__
#include "fast/vectors_512.h"

#define A_WORDS 1
#define CHECKED

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm512_dpwssd_epi32(acc, a, b);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_int16__avx512vnni = {
    .b_elements = 2,
    .a_words = 1,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
    .checked = check_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_int16__avx512vnni = {0};
#endif
