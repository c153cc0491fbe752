/* The output steps' vectors of 512 bits; 64-bit products of even lanes, then of odd ones. */
#include "fast/gemm.h"

#include "fast/vectors_512.h"

#define LANES 16
#define SPLIT 1

typedef struct {
    __m512i even, odd;
} products;
typedef __m512 floats;

#define BY_PRODUCT(f, x, y) ((products){f((x).even, (y).even), f((x).odd, (y).odd)})

static inline __mmask16 first_lanes(size_t count) { return (__mmask16)((1u << count) - 1); }
static inline vector load_some(const int32_t *from, size_t count) {
    return _mm512_maskz_loadu_epi32(first_lanes(count), from);
}
static inline void store_some(int32_t *to, vector x, size_t count) {
    _mm512_mask_storeu_epi32(to, first_lanes(count), x);
}

static inline vector subtract(vector x, vector y) { return _mm512_sub_epi32(x, y); }
static inline vector both(vector x, vector y) { return _mm512_and_si512(x, y); }
static inline vector shift_left(vector x, vector by) { return _mm512_sllv_epi32(x, by); }
static inline vector shift_right(vector x, vector by) { return _mm512_srav_epi32(x, by); }
static inline vector shift_right_unsigned(vector x, vector by) { return _mm512_srlv_epi32(x, by); }
static inline vector negative(vector x) { return _mm512_srai_epi32(x, 31); } /* all ones, or 0 */
static inline vector odd(vector x) { return _mm512_srai_epi32(_mm512_slli_epi32(x, 31), 31); }
static inline vector gather(const int32_t *table, vector at) {
    return _mm512_i32gather_epi32(at, table, 4);
}

static inline products load_products(const int64_t *from) {
    return (products){load(from), load(from + LANES / 2)};
}
static inline products multiply_wide(vector x, vector y) {
    return (products){_mm512_mul_epi32(x, y),
                      _mm512_mul_epi32(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(y, 32))};
}
static inline products add_products(products x, products y) {
    return BY_PRODUCT(_mm512_add_epi64, x, y);
}
static inline products both_products(products x, products y) {
    return BY_PRODUCT(_mm512_and_si512, x, y);
}
static inline products shift_left_products(products x, products by) {
    return BY_PRODUCT(_mm512_sllv_epi64, x, by);
}
static inline products negative_products(products x) {
    return (products){_mm512_srai_epi64(x.even, 63), _mm512_srai_epi64(x.odd, 63)};
}
/* All ones where floor(x / 2^by) is odd, else 0. */
static inline products odd_floors(products x, products by) {
    const products floor = BY_PRODUCT(_mm512_srlv_epi64, x, by);
    return negative_products((products){_mm512_slli_epi64(floor.even, 63),
                                        _mm512_slli_epi64(floor.odd, 63)});
}
/* The lowest 32 bits of floor(x / 2^by). */
static inline vector floors(products x, products by) {
    const products floor = BY_PRODUCT(_mm512_srav_epi64, x, by);
    return _mm512_mask_shuffle_epi32(floor.even, 0xAAAA, floor.odd, _MM_PERM_CCAA);
}

static inline floats load_floats(const float *from) { return _mm512_loadu_ps(from); }
static inline floats to_floats(vector x) { return _mm512_cvtepi32_ps(x); }
static inline floats multiply_floats(floats x, floats y) { return _mm512_mul_ps(x, y); }
static inline floats add_floats(floats x, floats y) { return _mm512_add_ps(x, y); }
/* x is no number: limit */
static inline floats larger_float(floats x, floats limit) { return _mm512_max_ps(x, limit); }
static inline floats smaller_float(floats x, floats limit) { return _mm512_min_ps(x, limit); }

/* The conversion makes the least int32 of what int32 does not hold, and of no number. */
static inline vector rint_to_int32(floats y) {
    const __mmask16 above = _mm512_cmp_ps_mask(y, _mm512_set1_ps(2147483648.0f), _CMP_GE_OQ);
    return _mm512_mask_mov_epi32(_mm512_cvtps_epi32(y), above, _mm512_set1_epi32(INT32_MAX));
}

/* Ties away from zero: 1/2 less a bit is added to the magnitude, the fraction dropped. */
static inline __m256i round_half_away(__m256i x, const double *scale) {
    const __m512d least = _mm512_set1_pd(-2147483648.0), most = _mm512_set1_pd(2147483647.0);
    const __m512d y = _mm512_mul_pd(_mm512_cvtepi32_pd(x), _mm512_loadu_pd(scale));
    const __m512d held = _mm512_min_pd(_mm512_max_pd(y, least), most);
    const __m512d sign = _mm512_and_pd(held, _mm512_set1_pd(-0.0));
    const __m512d half = _mm512_or_pd(sign, _mm512_set1_pd(0x1.fffffffffffffp-2));
    return _mm512_cvttpd_epi32(_mm512_add_pd(held, half));
}
static inline vector double_scale(vector x, const double *scale) {
    const __m256i low = round_half_away(_mm512_castsi512_si256(x), scale);
    const __m256i high = round_half_away(_mm512_extracti64x4_epi64(x, 1), scale + LANES / 2);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
