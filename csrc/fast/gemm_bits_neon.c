/* Counts of bits by CNT, where the CPU is an aarch64. */
#include "fast/gemm.h"

#ifdef __aarch64__
#include "fast/vectors_neon.h"

#define both vandq_s32
#define differ veorq_s32
#define multiply vmulq_s32

/* Added to uint16: 512 steps of 16 bits each at most. */
static inline vector count(vector acc, vector bits) {
    const uint8x16_t bytes = vcntq_u8(vreinterpretq_u8_s32(bits));
    return vreinterpretq_s32_u16(vpadalq_u8(vreinterpretq_u16_s32(acc), bytes));
}

static inline vector total(vector acc) {
    return vreinterpretq_s32_u32(vpaddlq_u16(vreinterpretq_u16_s32(acc)));
}

#include "fast/gemm_bits.h"

const pqs_gemm_kernel pqs_gemm_bits__neon = {
    .b_elements = 32,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_bits__neon = {0};
#endif
