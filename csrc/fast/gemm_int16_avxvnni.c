/* The int16 product by vpdpwssd on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVXVNNI__
#include "fast/vectors_256.h"

#define A_WORDS 1

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm256_dpwssd_avx_epi32(acc, a, b);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_int16__avxvnni = {2, 1, 1, COLUMNS, run_gemm, find_extremes};
#else
const pqs_gemm_kernel pqs_gemm_int16__avxvnni = {0};
#endif
