/* A clamped accumulator of entries of tables, clamped by vpminsd and vpmaxsd where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/gemm_gather_clamp.h"

const pqs_gemm_kernel pqs_gemm_gather_clamp__avx2 = {STEP_K, STEP_K, 0, COLUMNS, run_gemm, NULL};
#else
const pqs_gemm_kernel pqs_gemm_gather_clamp__avx2 = {0};
#endif
