/* pack_bits.h by vpcmpb into mask registers, where the compiler can. */
#include "fast/pack_bits.h"

#ifdef __AVX512BW__
#include <immintrin.h>
#include <string.h>

static int pack_bits(size_t count, const char *codes, uint8_t mask, uint8_t zero, uint8_t one,
                     char *words) {
    const __m512i masks = _mm512_set1_epi8((char)mask);
    const __m512i zeros = _mm512_set1_epi8((char)zero), ones = _mm512_set1_epi8((char)one);
    __mmask64 others = 0;
    for (size_t first = 0; first < count; first += sizeof(__m512i)) {
        const size_t here = count - first < sizeof(__m512i) ? count - first : sizeof(__m512i);
        const __mmask64 there = ~UINT64_C(0) >> (sizeof(__m512i) - here);
        const __m512i code = _mm512_and_si512(_mm512_maskz_loadu_epi8(there, codes + first), masks);
        const __mmask64 is_one = _mm512_mask_cmpeq_epi8_mask(there, code, ones);
        const __mmask64 is_zero = _mm512_mask_cmpeq_epi8_mask(there, code, zeros);
        const uint64_t bits = is_one;
        others |= there & ~(is_one | is_zero);
        memcpy(words + first / 8, &bits, here > 32 ? 8 : 4);
    }
    return !others;
}

pqs_pack_bits *const pqs_pack_bits__avx512bw = pack_bits;
#else
pqs_pack_bits *const pqs_pack_bits__avx512bw = NULL;
#endif
