/* The int16 product in plain C. */
#define A_WORDS 1
#define CHECKED

#include "fast/gemm.h"

static inline int32_t multiply_add(int32_t acc, const int16_t *x, const int16_t *y,
                                   const pqs_gemm_constants *constants) {
    (void)constants;
    return (int32_t)((uint32_t)acc + (uint32_t)(x[0] * y[0]) + (uint32_t)(x[1] * y[1]));
}

#include "fast/gemm_portable.h"

const pqs_gemm_kernel pqs_gemm_int16__portable = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
    .checked = check_gemm,
};
