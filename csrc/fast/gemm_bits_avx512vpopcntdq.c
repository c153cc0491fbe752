/* Counts of bits by vpopcntd on 512 bits, where the compiler can. */
#include "fast/gemm.h"

#ifdef __AVX512VPOPCNTDQ__
#include "fast/vectors_512.h"

#define both _mm512_and_si512
#define differ _mm512_xor_si512
#define count(acc, bits) add(acc, _mm512_popcnt_epi32(bits))
#define total(acc) (acc)
#define multiply _mm512_mullo_epi32

#include "fast/gemm_bits.h"

const pqs_gemm_kernel pqs_gemm_bits__avx512vpopcntdq = {
    .b_elements = 32,
    .a_words = 1,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_bits__avx512vpopcntdq = {0};
#endif
