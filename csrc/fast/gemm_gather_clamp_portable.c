/* A clamped accumulator of entries of tables in plain C. */
#include "fast/gemm_gather_clamp.h"

const pqs_gemm_kernel pqs_gemm_gather_clamp__portable = {
    .b_elements = STEP_K,
    .a_words = STEP_K,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
