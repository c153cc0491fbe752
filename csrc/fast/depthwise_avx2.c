/* Depthwise windows by vpmaddwd on 256 bits, where the compiler can. */
#include "fast/depthwise.h"

#ifdef __AVX2__
#include "fast/gemm.h"
#include "fast/vectors_256.h"

static inline vector subtract(vector x, vector y) { return _mm256_sub_epi32(x, y); }
static inline vector spread(int32_t x) { return _mm256_set1_epi32(x); }
static inline vector widen_u8(const void *from) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(from));
}
static inline vector widen_s8(const void *from) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(from));
}
static inline vector widen_s16(const void *from) {
    return _mm256_cvtepi16_epi32(_mm_loadu_si128(from));
}

/* The upper half of an element's lane holds its sign: it meets 0. */
static inline vector factor(vector weight) {
    return _mm256_and_si256(weight, _mm256_set1_epi32(0xffff));
}
static inline vector multiply(vector x, vector y) { return _mm256_madd_epi16(x, y); }

#include "fast/depthwise_body.h"

const pqs_depthwise_kernel pqs_depthwise__avx2 = {LANES, run_line};
#else
const pqs_depthwise_kernel pqs_depthwise__avx2 = {0};
#endif
