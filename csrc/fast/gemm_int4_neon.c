/* The product with places of 4 bits by TBL, SMULL and ADDP, where the CPU is an aarch64. */
#include "fast/gemm.h"

#ifdef __aarch64__
#include "fast/vectors_neon.h"

#define A_WORDS 2
#define FLIPS
#define column_word integers_of

/* All four products of each lane, added. */
static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const int8x16_t x = vreinterpretq_s8_s32(a), y = vreinterpretq_s8_s32(b);
    const vector low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    const vector high = vpaddlq_s16(vmull_high_s8(x, y));
    (void)held;
    return vaddq_s32(acc, vpaddq_s32(low, high));
}

#include "fast/gemm_body.h"
typedef int8_t lane_byte;
#include "fast/gemm_row_starts.h"

const pqs_gemm_kernel pqs_gemm_int4__neon = {
    .b_elements = 8,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
    .start_rows = start_rows,
};
#else
const pqs_gemm_kernel pqs_gemm_int4__neon = {0};
#endif
