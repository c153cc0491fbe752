/* A clamped accumulator of entries of tables, clamped by vpminsd and vpmaxsd where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/gemm_gather_clamp.h"

const pqs_gemm_kernel pqs_gemm_gather_clamp__avx2 = {
    .b_elements = STEP_K,
    .a_words = STEP_K,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_gather_clamp__avx2 = {0};
#endif
