/* A clamped accumulator of entries of tables in plain C. */
#include "fast/gemm_gather_clamp.h"

const pqs_gemm_kernel pqs_gemm_gather_clamp__portable = {STEP_K,  STEP_K,   0,
                                                         COLUMNS, run_gemm, NULL};
