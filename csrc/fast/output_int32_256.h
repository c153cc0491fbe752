/* The output steps' vectors of 256 bits; 64-bit products of even lanes, then of odd ones. */
#include "fast/gemm.h"

#include "fast/vectors_256.h"

#define LANES 8
#define SPLIT 1

typedef struct {
    __m256i even, odd;
} products;
typedef __m256 floats;

#define BY_PRODUCT(f, x, y) ((products){f((x).even, (y).even), f((x).odd, (y).odd)})

static inline __m256i first_lanes(size_t count) {
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), numbers);
}
static inline vector load_some(const int32_t *from, size_t count) {
    return _mm256_maskload_epi32(from, first_lanes(count));
}
static inline void store_some(int32_t *to, vector x, size_t count) {
    _mm256_maskstore_epi32(to, first_lanes(count), x);
}

static inline vector subtract(vector x, vector y) { return _mm256_sub_epi32(x, y); }
static inline vector both(vector x, vector y) { return _mm256_and_si256(x, y); }
static inline vector shift_left(vector x, vector by) { return _mm256_sllv_epi32(x, by); }
static inline vector shift_right(vector x, vector by) { return _mm256_srav_epi32(x, by); }
static inline vector shift_right_unsigned(vector x, vector by) { return _mm256_srlv_epi32(x, by); }
static inline vector negative(vector x) { return _mm256_srai_epi32(x, 31); } /* all ones, or 0 */
static inline vector odd(vector x) { return _mm256_srai_epi32(_mm256_slli_epi32(x, 31), 31); }
static inline vector gather(const int32_t *table, vector at) {
    return _mm256_i32gather_epi32(table, at, 4);
}

static inline products load_products(const int64_t *from) {
    return (products){load(from), load(from + LANES / 2)};
}
static inline products multiply_wide(vector x, vector y) {
    return (products){_mm256_mul_epi32(x, y),
                      _mm256_mul_epi32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(y, 32))};
}
static inline products add_products(products x, products y) {
    return BY_PRODUCT(_mm256_add_epi64, x, y);
}
static inline products both_products(products x, products y) {
    return BY_PRODUCT(_mm256_and_si256, x, y);
}
static inline products shift_left_products(products x, products by) {
    return BY_PRODUCT(_mm256_sllv_epi64, x, by);
}
static inline products negative_products(products x) {
    const __m256i zero = _mm256_setzero_si256();
    return (products){_mm256_cmpgt_epi64(zero, x.even), _mm256_cmpgt_epi64(zero, x.odd)};
}
/* All ones where floor(x / 2^by) is odd, else 0. */
static inline products odd_floors(products x, products by) {
    const products floor = BY_PRODUCT(_mm256_srlv_epi64, x, by);
    return negative_products((products){_mm256_slli_epi64(floor.even, 63),
                                        _mm256_slli_epi64(floor.odd, 63)});
}
/* floor(x / 2^by): AVX2 shifts zeros in, so that it takes x + 2^63, less 2^63 / 2^by */
static inline __m256i floor_products(__m256i x, __m256i by) {
    const __m256i top = _mm256_set1_epi64x(INT64_MIN);
    const __m256i shifted = _mm256_srlv_epi64(_mm256_xor_si256(x, top), by);
    return _mm256_sub_epi64(shifted, _mm256_srlv_epi64(top, by));
}
/* The lowest 32 bits of floor(x / 2^by). */
static inline vector floors(products x, products by) {
    const products floor = BY_PRODUCT(floor_products, x, by);
    return _mm256_blend_epi32(floor.even, _mm256_slli_epi64(floor.odd, 32), 0xAA);
}

static inline floats load_floats(const float *from) { return _mm256_loadu_ps(from); }
static inline floats to_floats(vector x) { return _mm256_cvtepi32_ps(x); }
static inline floats multiply_floats(floats x, floats y) { return _mm256_mul_ps(x, y); }
static inline floats add_floats(floats x, floats y) { return _mm256_add_ps(x, y); }
/* x is no number: limit */
static inline floats larger_float(floats x, floats limit) { return _mm256_max_ps(x, limit); }
static inline floats smaller_float(floats x, floats limit) { return _mm256_min_ps(x, limit); }

/* The conversion makes the least int32 of what int32 does not hold, and of no number. */
static inline vector rint_to_int32(floats y) {
    const floats above = _mm256_cmp_ps(y, _mm256_set1_ps(2147483648.0f), _CMP_GE_OQ);
    return _mm256_blendv_epi8(_mm256_cvtps_epi32(y), _mm256_set1_epi32(INT32_MAX),
                              _mm256_castps_si256(above));
}

/* Ties away from zero: 1/2 less a bit is added to the magnitude, the fraction dropped. */
static inline __m128i round_half_away(__m128i x, const double *scale) {
    const __m256d least = _mm256_set1_pd(-2147483648.0), most = _mm256_set1_pd(2147483647.0);
    const __m256d y = _mm256_mul_pd(_mm256_cvtepi32_pd(x), _mm256_loadu_pd(scale));
    const __m256d held = _mm256_min_pd(_mm256_max_pd(y, least), most);
    const __m256d sign = _mm256_and_pd(held, _mm256_set1_pd(-0.0));
    const __m256d half = _mm256_or_pd(sign, _mm256_set1_pd(0x1.fffffffffffffp-2));
    return _mm256_cvttpd_epi32(_mm256_add_pd(held, half));
}
static inline vector double_scale(vector x, const double *scale) {
    const __m128i low = round_half_away(_mm256_castsi256_si128(x), scale);
    const __m128i high = round_half_away(_mm256_extracti128_si256(x, 1), scale + LANES / 2);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
