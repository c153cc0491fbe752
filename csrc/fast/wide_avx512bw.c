/* Products in int64 lanes by vpmuldq on 512 bits, where the compiler can. */
#include "fast/wide.h"

#ifdef __AVX512BW__
#include <immintrin.h>

typedef __m512i vector;

static inline vector load(const void *from) { return _mm512_loadu_si512(from); }
static inline void store(void *to, vector x) { _mm512_storeu_si512(to, x); }
static inline vector spread(int64_t x) { return _mm512_set1_epi64(x); }
static inline vector add(vector x, vector y) { return _mm512_add_epi64(x, y); }
static inline vector multiply(vector x, vector y) { return _mm512_mul_epi32(x, y); }
static inline vector smaller(vector x, vector y) { return _mm512_min_epi64(x, y); }
static inline vector larger(vector x, vector y) { return _mm512_max_epi64(x, y); }

#include "fast/wide_body.h"

const pqs_wide_kernel pqs_wide__avx512bw = {COLUMNS, run_wide};
#else
const pqs_wide_kernel pqs_wide__avx512bw = {0};
#endif
