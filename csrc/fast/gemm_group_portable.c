/* Sums of groups, in a range at their end, in plain C. */
#define A_WORDS 1
#define GROUPED

#include "fast/gemm.h"

/* Mod 2^32, as two products of -2^15 * -2^15 may pass int32. */
static inline int32_t multiply_add(int32_t acc, const int16_t *x, const int16_t *y,
                                   const pqs_gemm_constants *constants) {
    (void)constants;
    const uint32_t first = (uint32_t)(x[0] * y[0]), second = (uint32_t)(x[1] * y[1]);
    return (int32_t)((uint32_t)acc + first + second);
}

static inline int32_t group_value(int32_t sum, const pqs_gemm_constants *constants) {
    const int32_t held = sum < constants->maximum ? sum : constants->maximum;
    return held > constants->minimum ? held : constants->minimum;
}

#include "fast/gemm_portable.h"

const pqs_gemm_kernel pqs_gemm_group__portable = {
    .b_elements = 2,
    .a_words = A_WORDS,
    .a_signed = 1,
    .columns = COLUMNS,
    .tile = run_gemm,
};
