/* Products from tables by vpermb, places of 4 bits, where the compiler can. */
#include "fast/gemm.h"

#if defined(__AVX512VBMI__) && defined(__AVX512VNNI__)
#include "fast/vectors_512.h"

#define A_WORDS 2
#define A_BYTES sizeof(vector)
#define FEW_ROWS 2
#define LOAD_A load
#define column_word places_of

/* Of each byte's low or high four bits the place in the table of its k: (bytes & 15) | table. */
static inline vector places_of(vector bytes, size_t high, const constants *held) {
    const vector tables = _mm512_set1_epi32(0x30201000), four = _mm512_set1_epi8(15);
    (void)held;
    return _mm512_ternarylogic_epi32(_mm512_srli_epi16(bytes, high ? 4 : 0), four, tables, 0xea);
}

static inline vector multiply_add(vector acc, vector tables, vector places, const constants *held) {
    return _mm512_dpbusd_epi32(acc, held->multipliers, _mm512_permutexvar_epi8(places, tables));
}

#include "fast/gemm_body.h"

const pqs_gemm_kernel pqs_gemm_table4__avx512vbmi = {
    .b_elements = 8,
    .a_words = 32,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_table4__avx512vbmi = {0};
#endif
