/* The product with places of 4 bits by TBL and SDOT, where the compiler can. */
#include "fast/gemm.h"

#ifdef __ARM_FEATURE_DOTPROD
#include "fast/vectors_neon.h"

#define A_WORDS 2
#define FEW_ROWS 2
#define FLIPS
#define column_word integers_of

static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return vdotq_s32(acc, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

#include "fast/gemm_body.h"
typedef int8_t lane_byte;
#include "fast/gemm_row_starts.h"

const pqs_gemm_kernel pqs_gemm_int4__dotprod = {
    .b_elements = 8,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
    .start_rows = start_rows,
};
#else
const pqs_gemm_kernel pqs_gemm_int4__dotprod = {0};
#endif
