/* A clamped accumulator by SMULL, ADDP, SMIN and SMAX, where the CPU is an aarch64. */
#include "fast/gemm.h"

#ifdef __aarch64__
#include "fast/vectors_neon.h"

#define A_WORDS 2

/* Both products of each lane's pair, added mod 2^32. */
static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    const int16x8_t x = vreinterpretq_s16_s32(a), y = vreinterpretq_s16_s32(b);
    const vector low = vmull_s16(vget_low_s16(x), vget_low_s16(y));
    const vector high = vmull_high_s16(x, y);
    const vector sum = vaddq_s32(acc, vpaddq_s32(low, high));
    return vmaxq_s32(vminq_s32(sum, held->maximum), held->minimum);
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_clamp__neon = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_clamp__neon = {0};
#endif
