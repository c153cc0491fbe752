/* The tile of gemm.h. The including file defines `vector` and its load, store, broadcast (of one
 * word), flip (xor), A_WORDS, and multiply_add(acc, a, b, constants); `a_words` where a's words are
 * not broadcast. */
#include "fast/gemm.h"
#include "fast/gemm_extremes.h"

#define VECTORS 2
#define LANES (sizeof(vector) / 4)
#define COLUMNS (VECTORS * LANES)
#ifndef a_words
#define a_words broadcast
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))
/* Accumulators stay in registers only where no loop over them is left. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 6")
#endif

/* Twelve accumulators: enough to hide the latency of the multiply, few enough for registers. */
ALWAYS_INLINE void run_tile(const size_t rows, const int flips, size_t steps, const char *a,
                            size_t a_row, size_t a_step, const pqs_gemm_constants *given,
                            const char *b, const int32_t *start, size_t start_stride, int32_t *out,
                            size_t out_stride) {
    vector acc[PQS_GEMM_ROWS][VECTORS];
    const constants held = {broadcast(&given->a_flip), broadcast(&given->multipliers),
                            broadcast(&given->minimum), broadcast(&given->maximum)};
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) {
            acc[r][v] = load(start + r * start_stride + v * LANES);
        }
    }
    for (size_t i = 0; i < steps; i++) {
        vector column[VECTORS];
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) column[v] = load(b + v * sizeof(vector));
        UNROLLED
        for (size_t word = 0; word < A_WORDS; word++) {
            UNROLLED
            for (size_t r = 0; r < rows; r++) {
                vector x = a_words(a + r * a_row + word * 4);
                if (flips) x = flip(x, held.a_flip);
                UNROLLED
                for (size_t v = 0; v < VECTORS; v++) {
                    acc[r][v] = multiply_add(acc[r][v], x, column[v], &held);
                }
            }
        }
        a += a_step;
        b += VECTORS * sizeof(vector);
    }
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) store(out + r * out_stride + v * LANES, acc[r][v]);
    }
}

/* Compilers make one loop of each count of rows: it is a constant in it. */
ALWAYS_INLINE void run_rows(size_t rows, const int flips, size_t steps, const char *a, size_t a_row,
                            size_t a_step, const pqs_gemm_constants *given, const char *b,
                            const int32_t *start, size_t start_stride, int32_t *out,
                            size_t out_stride) {
#define RUN(r)                                                                                     \
    run_tile(r, flips, steps, a, a_row, a_step, given, b, start, start_stride, out, out_stride)
    switch (rows) {
    case 1: RUN(1); break;
    case 2: RUN(2); break;
    case 3: RUN(3); break;
    case 4: RUN(4); break;
    case 5: RUN(5); break;
    default: RUN(6); break;
    }
#undef RUN
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *given, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
#ifdef FLIPS
    if (given->a_flip) {
        run_rows(rows, 1, steps, a, a_row, a_step, given, b, start, start_stride, out, out_stride);
        return;
    }
#endif
    run_rows(rows, 0, steps, a, a_row, a_step, given, b, start, start_stride, out, out_stride);
}

static void find_extremes(size_t rows, size_t columns, const int32_t *lanes, size_t stride,
                          const int32_t *corrections, int32_t *least, int32_t *most) {
    if (columns < COLUMNS || !rows) {
        some_extremes(rows, columns, lanes, stride, corrections, least, most);
        return;
    }
    vector low[VECTORS], high[VECTORS], correction[VECTORS];
    for (size_t v = 0; v < VECTORS; v++) {
        correction[v] = load(corrections + v * LANES);
        low[v] = high[v] = add(load(lanes + v * LANES), correction[v]);
    }
    for (size_t r = 1; r < rows; r++) {
        for (size_t v = 0; v < VECTORS; v++) {
            const vector x = add(load(lanes + r * stride + v * LANES), correction[v]);
            low[v] = smaller(low[v], x);
            high[v] = larger(high[v], x);
        }
    }
    int32_t found[2][LANES];
    for (size_t v = 1; v < VECTORS; v++) {
        low[0] = smaller(low[0], low[v]);
        high[0] = larger(high[0], high[v]);
    }
    store(found[0], low[0]);
    store(found[1], high[0]);
    *least = found[0][0], *most = found[1][0];
    for (size_t i = 1; i < LANES; i++) {
        *least = found[0][i] < *least ? found[0][i] : *least;
        *most = found[1][i] > *most ? found[1][i] : *most;
    }
}
