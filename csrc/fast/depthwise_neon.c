/* Depthwise windows by MUL on 128 bits, where the CPU is an aarch64. */
#include "fast/depthwise.h"

#ifdef __aarch64__
#include "fast/gemm.h"
#include "fast/vectors_neon.h"

static inline vector subtract(vector x, vector y) { return vsubq_s32(x, y); }
static inline vector spread(int32_t x) { return vdupq_n_s32(x); }
static inline int16x4_t four_s16(const void *from) {
    int16x4_t x;
    memcpy(&x, from, sizeof x);
    return x;
}
static inline uint8x8_t four_u8(const void *from) {
    uint32_t x;
    memcpy(&x, from, sizeof x);
    return vreinterpret_u8_u32(vdup_n_u32(x));
}
static inline vector widen_s16(const void *from) { return vmovl_s16(four_s16(from)); }
static inline vector widen_u8(const void *from) {
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four_u8(from)))));
}
static inline vector widen_s8(const void *from) {
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(four_u8(from)))));
}
static inline vector factor(vector weight) { return weight; }
static inline vector multiply(vector x, vector y) { return vmulq_s32(x, y); }

#include "fast/depthwise_body.h"

const pqs_depthwise_kernel pqs_depthwise__neon = {LANES, run_line};
#else
const pqs_depthwise_kernel pqs_depthwise__neon = {0};
#endif
