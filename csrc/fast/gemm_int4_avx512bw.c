/* The product with places of 4 bits by vpshufb and vpmaddubsw on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512BW__
#include "fast/vectors_512.h"

#define REACH 64
#define A_WORDS 2
#define FLIPS
#define column_word integers_of

/* int16 holds the sum of two products: 2 * 255 * REACH. */
static inline vector multiply_add(vector acc, vector a, vector b, const constants *held) {
    (void)held;
    return add(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
}

#include "fast/gemm_body.h"
typedef uint8_t lane_byte;
#include "fast/gemm_row_starts.h"

const pqs_gemm_kernel pqs_gemm_int4__avx512bw = {
    .b_elements = 8,
    .a_words = A_WORDS,
    .a_signed = 0,
    .columns = COLUMNS,
    .reach = REACH,
    .tile = run_gemm,
    .start_rows = start_rows,
};
#else
const pqs_gemm_kernel pqs_gemm_int4__avx512bw = {0};
#endif
