/* The tile of gemm.h in plain C, for pairs of int16. The including file defines A_WORDS and
 * multiply_add(acc, x, y, constants) for one word: two int16 each; GROUPED and
 * group_value(sum, constants) where steps make groups; CHECKED where parts may be checked. */
#include "fast/gemm.h"

#include <string.h>

#define COLUMNS 16

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

#ifdef CHECKED
static int is_within(const pqs_gemm_parts *parts, size_t part, const int32_t *lanes) {
    int held = 1;
    for (size_t c = 0; c < COLUMNS; c++) {
        const uint32_t correction = (uint32_t)parts->corrections[part * parts->stride + c];
        const int32_t prefix = (int32_t)((uint32_t)lanes[c] + correction);
        held &= prefix >= parts->minimum && prefix <= parts->maximum;
    }
    return held;
}

static int check_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                      const pqs_gemm_constants *constants, const pqs_gemm_parts *parts,
                      const char *b, const int32_t *start, size_t start_stride, int32_t *out,
                      size_t out_stride) {
    int held = 1;
    for (size_t r = 0; r < rows; r++) {
        int32_t acc[COLUMNS];
        memcpy(acc, start + r * start_stride, sizeof acc);
        for (size_t part = 0; part * parts->steps < steps; part++) {
            const size_t first = part * parts->steps, left = steps - first;
            held &= is_within(parts, part, acc);
            add_steps(left < parts->steps ? left : parts->steps, a + r * a_row + first * a_step,
                      a_step, constants, b + first * sizeof acc, acc);
        }
        memcpy(out + r * out_stride, acc, sizeof acc);
    }
    return held;
}
#endif
