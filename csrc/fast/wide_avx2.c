/* Products in int64 lanes by vpmuldq on 256 bits, where the compiler can. */
#include "fast/wide.h"

#ifdef __AVX2__
#include <immintrin.h>

typedef __m256i vector;

static inline vector load(const void *from) { return _mm256_loadu_si256(from); }
static inline void store(void *to, vector x) { _mm256_storeu_si256(to, x); }
static inline vector spread(int64_t x) { return _mm256_set1_epi64x(x); }
static inline vector add(vector x, vector y) { return _mm256_add_epi64(x, y); }
static inline vector multiply(vector x, vector y) { return _mm256_mul_epi32(x, y); }
static inline vector smaller(vector x, vector y) {
    return _mm256_blendv_epi8(x, y, _mm256_cmpgt_epi64(x, y));
}
static inline vector larger(vector x, vector y) {
    return _mm256_blendv_epi8(y, x, _mm256_cmpgt_epi64(x, y));
}

#include "fast/wide_body.h"

const pqs_wide_kernel pqs_wide__avx2 = {COLUMNS, run_wide};
#else
const pqs_wide_kernel pqs_wide__avx2 = {0};
#endif
