/* Counts of bits by vpshufb on 256 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX2__
#include "fast/vectors_256.h"

#define both _mm256_and_si256
#define differ _mm256_xor_si256
#define multiply _mm256_mullo_epi32

/* Of every four bits from a table; added to int16: 512 steps of 16 bits each at most. */
static inline vector count(vector acc, vector bits) {
    const vector counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const vector four = _mm256_set1_epi8(15);
    const vector low = _mm256_and_si256(bits, four);
    const vector high = _mm256_and_si256(_mm256_srli_epi16(bits, 4), four);
    const vector bytes =
        _mm256_add_epi8(_mm256_shuffle_epi8(counts, low), _mm256_shuffle_epi8(counts, high));
    return _mm256_add_epi16(acc, _mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1)));
}

static inline vector total(vector acc) { return _mm256_madd_epi16(acc, _mm256_set1_epi16(1)); }

#include "fast/gemm_bits.h"

const pqs_gemm_kernel pqs_gemm_bits__avx2 = {
    .b_elements = 32,
    .a_words = 1,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_bits__avx2 = {0};
#endif
