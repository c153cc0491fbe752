/* pack_bits.h by vpcmpb into mask registers, where the compiler can. */
#include "fast/pack_bits.h"

#ifdef __AVX512BW__
#include <immintrin.h>
#include <string.h>

typedef struct {
    __m512i mask, zero, one;
} two_codes;

/* The bits of one vector; what is neither of the codes is added to others. */
static inline uint64_t bits_of(__m512i loaded, const two_codes *of, __mmask64 *others) {
    const __m512i code = _mm512_and_si512(loaded, of->mask);
    const __mmask64 is_one = _mm512_cmpeq_epi8_mask(code, of->one);
    *others |= _mm512_mask_cmpneq_epi8_mask(~is_one, code, of->zero);
    return is_one;
}

static int pack_bits(size_t count, const char *codes, uint8_t mask, uint8_t zero, uint8_t one,
                     char *words) {
    const two_codes of = {_mm512_set1_epi8((char)mask), _mm512_set1_epi8((char)zero),
                          _mm512_set1_epi8((char)one)};
    __mmask64 others = 0;
    size_t first = 0;
    for (; count - first >= sizeof(__m512i); first += sizeof(__m512i)) {
        const uint64_t bits = bits_of(_mm512_loadu_si512(codes + first), &of, &others);
        memcpy(words + first / 8, &bits, sizeof bits);
    }
    if (first < count) {
        const __mmask64 there = ~UINT64_C(0) >> (sizeof(__m512i) - (count - first));
        const __m512i rest = _mm512_mask_loadu_epi8(of.zero, there, codes + first);
        const uint64_t bits = bits_of(rest, &of, &others) & there;
        memcpy(words + first / 8, &bits, count - first > 32 ? 8 : 4);
    }
    return !others;
}

pqs_pack_bits *const pqs_pack_bits__avx512bw = pack_bits;
#else
pqs_pack_bits *const pqs_pack_bits__avx512bw = NULL;
#endif
