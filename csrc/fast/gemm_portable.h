/* The tile of gemm.h in plain C, for pairs of int16. The including file defines A_WORDS and
 * multiply_add(acc, x, y, constants) for one word: two int16 each; GROUPED and
 * group_value(sum, constants) where steps make groups. */
#include "fast/gemm.h"

#include "fast/gemm_extremes.h"

#include <string.h>

#define COLUMNS 16
#define find_extremes some_extremes

/* Sums of `steps` steps join acc. */
static void add_steps(size_t steps, const char *a, size_t a_step,
                      const pqs_gemm_constants *constants, const char *b, int32_t *acc) {
    for (size_t i = 0; i < steps; i++) {
        int16_t y[COLUMNS][2];
        memcpy(y, b + i * sizeof y, sizeof y);
        for (size_t word = 0; word < A_WORDS; word++) {
            int16_t x[2];
            memcpy(x, a + i * a_step + word * sizeof x, sizeof x);
            for (int c = 0; c < COLUMNS; c++) acc[c] = multiply_add(acc[c], x, y[c], constants);
        }
    }
}

#ifdef GROUPED
static int32_t clamp(int32_t x, int32_t minimum, int32_t maximum) {
    const int32_t held = x < maximum ? x : maximum;
    return held > minimum ? held : minimum;
}

static void add_groups(size_t steps, const char *a, size_t a_step,
                       const pqs_gemm_constants *constants, const char *b, int32_t *outer) {
    const int clamps = constants->outer_minimum < constants->outer_maximum;
    const int32_t least = clamps ? constants->outer_minimum : INT32_MIN;
    const int32_t most = clamps ? constants->outer_maximum : INT32_MAX;
    for (size_t first = 0; first < steps; first += constants->group_steps) {
        const size_t left = steps - first;
        int32_t acc[COLUMNS] = {0};
        add_steps(left < constants->group_steps ? left : constants->group_steps,
                  a + first * a_step, a_step, constants, b + first * COLUMNS * 4, acc);
        for (int c = 0; c < COLUMNS; c++) {
            const uint32_t sum = (uint32_t)outer[c] + (uint32_t)group_value(acc[c], constants);
            outer[c] = clamp((int32_t)sum, least, most);
        }
    }
}
#endif

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *constants, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    for (size_t r = 0; r < rows; r++) {
        int32_t acc[COLUMNS];
        memcpy(acc, start + r * start_stride, sizeof acc);
#ifdef GROUPED
        add_groups(steps, a + r * a_row, a_step, constants, b, acc);
#else
        add_steps(steps, a + r * a_row, a_step, constants, b, acc);
#endif
        memcpy(out + r * out_stride, acc, sizeof acc);
    }
}
