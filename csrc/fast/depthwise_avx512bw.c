/* Depthwise windows by vpmaddwd on 512 bits, where the compiler can. */
#include "fast/depthwise.h"

#ifdef __AVX512BW__
#include "fast/gemm.h"
#include "fast/vectors_512.h"

static inline vector subtract(vector x, vector y) { return _mm512_sub_epi32(x, y); }
static inline vector spread(int32_t x) { return _mm512_set1_epi32(x); }
static inline vector widen_u8(const void *from) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(from));
}
static inline vector widen_s8(const void *from) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(from));
}
static inline vector widen_s16(const void *from) {
    return _mm512_cvtepi16_epi32(_mm256_loadu_si256(from));
}

/* The upper half of an element's lane holds its sign: it meets 0. */
static inline vector factor(vector weight) {
    return _mm512_and_si512(weight, _mm512_set1_epi32(0xffff));
}
static inline vector multiply(vector x, vector y) { return _mm512_madd_epi16(x, y); }

#include "fast/depthwise_body.h"

const pqs_depthwise_kernel pqs_depthwise__avx512bw = {LANES, run_line};
#else
const pqs_depthwise_kernel pqs_depthwise__avx512bw = {0};
#endif
