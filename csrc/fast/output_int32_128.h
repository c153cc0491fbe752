/* The output steps' vectors of 128 bits; 64-bit products in order. */
#include "fast/gemm.h"

#include "fast/vectors_neon.h"

#define LANES 4
#define SPLIT 0

typedef struct {
    int64x2_t low, high;
} products;
typedef float32x4_t floats;

#define BY_PRODUCT(f, x, y) ((products){f((x).low, (y).low), f((x).high, (y).high)})

static inline vector load_some(const int32_t *from, size_t count) {
    int32_t lanes[LANES] = {0};
    memcpy(lanes, from, count * sizeof *lanes);
    return load(lanes);
}
static inline void store_some(int32_t *to, vector x, size_t count) {
    int32_t lanes[LANES];
    store(lanes, x);
    memcpy(to, lanes, count * sizeof *lanes);
}

static inline vector subtract(vector x, vector y) { return vsubq_s32(x, y); }
static inline vector both(vector x, vector y) { return vandq_s32(x, y); }
static inline vector shift_left(vector x, vector by) { return vshlq_s32(x, by); }
static inline vector shift_right(vector x, vector by) { return vshlq_s32(x, vnegq_s32(by)); }
static inline vector shift_right_unsigned(vector x, vector by) {
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(x), vnegq_s32(by)));
}
static inline vector negative(vector x) { return vshrq_n_s32(x, 31); } /* all ones, or 0 */
static inline vector odd(vector x) { return vshrq_n_s32(vshlq_n_s32(x, 31), 31); }
static inline vector gather(const int32_t *table, vector at) {
    int32_t lanes[LANES];
    store(lanes, at);
    for (int i = 0; i < LANES; i++) lanes[i] = table[lanes[i]];
    return load(lanes);
}

static inline products load_products(const int64_t *from) {
    return (products){vld1q_s64(from), vld1q_s64(from + LANES / 2)};
}
static inline products multiply_wide(vector x, vector y) {
    return (products){vmull_s32(vget_low_s32(x), vget_low_s32(y)), vmull_high_s32(x, y)};
}
static inline products add_products(products x, products y) { return BY_PRODUCT(vaddq_s64, x, y); }
static inline products both_products(products x, products y) { return BY_PRODUCT(vandq_s64, x, y); }
static inline products shift_left_products(products x, products by) {
    return BY_PRODUCT(vshlq_s64, x, by);
}
static inline products negative_products(products x) {
    return (products){vshrq_n_s64(x.low, 63), vshrq_n_s64(x.high, 63)};
}
static inline int64x2_t floor_products(int64x2_t x, int64x2_t by) {
    return vshlq_s64(x, vnegq_s64(by));
}
/* All ones where floor(x / 2^by) is odd, else 0. */
static inline products odd_floors(products x, products by) {
    const products floor = BY_PRODUCT(floor_products, x, by);
    return negative_products((products){vshlq_n_s64(floor.low, 63), vshlq_n_s64(floor.high, 63)});
}
/* The lowest 32 bits of floor(x / 2^by). */
static inline vector floors(products x, products by) {
    const products floor = BY_PRODUCT(floor_products, x, by);
    return vmovn_high_s64(vmovn_s64(floor.low), floor.high);
}

static inline floats load_floats(const float *from) { return vld1q_f32(from); }
static inline floats to_floats(vector x) { return vcvtq_f32_s32(x); }
static inline floats multiply_floats(floats x, floats y) { return vmulq_f32(x, y); }
static inline floats add_floats(floats x, floats y) { return vaddq_f32(x, y); }
/* x is no number: limit */
static inline floats larger_float(floats x, floats limit) { return vmaxnmq_f32(x, limit); }
static inline floats smaller_float(floats x, floats limit) { return vminnmq_f32(x, limit); }

/* The conversion saturates, and makes 0 of no number. */
static inline vector rint_to_int32(floats y) {
    return vbslq_s32(vceqq_f32(y, y), vcvtnq_s32_f32(y), vdupq_n_s32(INT32_MIN));
}

/* The conversion rounds ties away from zero. */
static inline int64x2_t round_half_away(int32x2_t x, const double *scale) {
    const float64x2_t least = vdupq_n_f64(-2147483648.0), most = vdupq_n_f64(2147483647.0);
    const float64x2_t y = vmulq_f64(vcvtq_f64_s64(vmovl_s32(x)), vld1q_f64(scale));
    return vcvtaq_s64_f64(vminnmq_f64(vmaxnmq_f64(y, least), most));
}
static inline vector double_scale(vector x, const double *scale) {
    const int64x2_t low = round_half_away(vget_low_s32(x), scale);
    const int64x2_t high = round_half_away(vget_high_s32(x), scale + LANES / 2);
    return vmovn_high_s64(vmovn_s64(low), high);
}
