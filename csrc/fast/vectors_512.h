/* Words in 512-bit vectors. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m512i vector;

static inline vector load(const void *from) { return _mm512_loadu_si512(from); }
static inline void store(void *to, vector x) { _mm512_storeu_si512(to, x); }
static inline vector flip(vector x, vector mask) { return _mm512_xor_si512(x, mask); }

static inline vector broadcast(const void *from) {
    int32_t word;
    memcpy(&word, from, sizeof word);
    return _mm512_set1_epi32(word);
}

static inline vector add(vector x, vector y) { return _mm512_add_epi32(x, y); }
static inline vector multiply_low(vector x, vector y) { return _mm512_mullo_epi32(x, y); }
static inline vector smaller(vector x, vector y) { return _mm512_min_epi32(x, y); }
static inline vector larger(vector x, vector y) { return _mm512_max_epi32(x, y); }

/* pqs_gemm_constants in every lane. */
typedef struct {
    vector a_flip, multipliers, minimum, maximum, outer_minimum, outer_maximum;
    vector integers; /* all of them in every 16 bytes */
    __m128i group_shift;
} constants;

static inline constants constants_of(const pqs_gemm_constants *given) {
    return (constants){broadcast(&given->a_flip),        broadcast(&given->multipliers),
                       broadcast(&given->minimum),       broadcast(&given->maximum),
                       broadcast(&given->outer_minimum), broadcast(&given->outer_maximum),
                       _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)given->integers)),
                       _mm_cvtsi32_si128(given->group_shift)};
}

/* Of each byte's low or high four bits the integer. */
static inline vector integers_of(vector bytes, size_t high, const constants *held) {
    const vector places = _mm512_srli_epi16(bytes, high ? 4 : 0);
    return _mm512_shuffle_epi8(held->integers, _mm512_and_si512(places, _mm512_set1_epi8(15)));
}
