/* A clamped accumulator in plain C: one of the word's two products is 0. */
#define A_WORDS 2

#include "fast/gemm.h"

static inline int32_t multiply_add(int32_t acc, const int16_t *x, const int16_t *y,
                                   const pqs_gemm_constants *constants) {
    const int32_t sum = acc + x[0] * y[0] + x[1] * y[1];
    const int32_t held = sum < constants->maximum ? sum : constants->maximum;
    return held > constants->minimum ? held : constants->minimum;
}

#include "fast/gemm_portable.h"

const pqs_gemm_kernel pqs_gemm_clamp__portable = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
