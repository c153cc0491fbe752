/* pack_bits.h by vpcmpeqb and vpmovmskb on 256 bits, where the compiler can. */
#include "fast/pack_bits.h"

#ifdef __AVX2__
#include "fast/pack_bits_rest.h"

#include <immintrin.h>

static int pack_bits(size_t count, const char *codes, uint8_t mask, uint8_t zero, uint8_t one,
                     char *words) {
    const __m256i masks = _mm256_set1_epi8((char)mask);
    const __m256i zeros = _mm256_set1_epi8((char)zero), ones = _mm256_set1_epi8((char)one);
    __m256i either = _mm256_set1_epi8(-1);
    size_t first = 0;
    for (; count - first >= sizeof(__m256i); first += sizeof(__m256i)) {
        const __m256i loaded = _mm256_loadu_si256((const void *)(codes + first));
        const __m256i code = _mm256_and_si256(loaded, masks);
        const __m256i is_one = _mm256_cmpeq_epi8(code, ones);
        const __m256i known = _mm256_or_si256(is_one, _mm256_cmpeq_epi8(code, zeros));
        const int32_t bits = _mm256_movemask_epi8(is_one);
        either = _mm256_and_si256(either, known);
        memcpy(words + first / 8, &bits, sizeof bits);
    }
    const int rest = pack_rest(count - first, codes + first, mask, zero, one, words + first / 8);
    return rest && _mm256_movemask_epi8(either) == -1;
}

pqs_pack_bits *const pqs_pack_bits__avx2 = pack_bits;
#else
pqs_pack_bits *const pqs_pack_bits__avx2 = NULL;
#endif
