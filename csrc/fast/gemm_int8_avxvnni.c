/* The int8 product by vpdpbusd on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVXVNNI__
#include "fast/vectors_256.h"

#define A_WORDS 1
#define FLIPS

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return _mm256_dpbusd_avx_epi32(acc, a, b);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_int8__avxvnni = {4, 1, 0, COLUMNS, run_gemm, find_extremes};
#else
const pqs_gemm_kernel pqs_gemm_int8__avxvnni = {0};
#endif
