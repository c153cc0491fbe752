/* The tile of wide.h. The including file defines `vector` of int64 lanes, its load, store, spread
 * (one number in every lane), add (mod 2^64), smaller, larger and multiply (of numbers that int32
 * holds). */
#include "fast/unrolled.h"
#include "fast/wide.h"

#define VECTORS 2
#define LANES (sizeof(vector) / 8)
#define COLUMNS (VECTORS * LANES)

typedef struct {
    vector minimum, maximum;
} rails;

ALWAYS_INLINE vector clamped(vector x, const rails *held) {
    return larger(smaller(x, held->maximum), held->minimum);
}

ALWAYS_INLINE void add_steps(const size_t rows, const int clamps_each, size_t steps,
                             const int64_t *a, size_t a_stride, const rails *held,
                             const int64_t *b, vector acc[PQS_WIDE_ROWS][VECTORS]) {
    for (size_t i = 0; i < steps; i++) {
        vector column[VECTORS];
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) column[v] = load(b + i * COLUMNS + v * LANES);
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            const vector x = spread(a[r * a_stride + i]);
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++) {
                const vector sum = add(acc[r][v], multiply(x, column[v]));
                acc[r][v] = clamps_each ? clamped(sum, held) : sum;
            }
        }
    }
}

ALWAYS_INLINE void add_groups(const size_t rows, size_t steps, size_t group, const int64_t *a,
                              size_t a_stride, const rails *held, const int64_t *b,
                              vector acc[PQS_WIDE_ROWS][VECTORS]) {
    for (size_t first = 0; first < steps; first += group) {
        const size_t left = steps - first, count = left < group ? left : group;
        add_steps(rows, 0, count, a + first, a_stride, held, b + first * COLUMNS, acc);
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++) acc[r][v] = clamped(acc[r][v], held);
        }
    }
}

ALWAYS_INLINE void run_tile(const size_t rows, size_t steps, const int64_t *a, size_t a_stride,
                            const pqs_wide_constants *given, const int64_t *b,
                            const int64_t *start, size_t start_stride, int64_t *out,
                            size_t out_stride) {
    const rails held = {spread(given->minimum), spread(given->maximum)};
    vector acc[PQS_WIDE_ROWS][VECTORS];
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) acc[r][v] = load(start + r * start_stride + v * LANES);
    }
    if (!given->group) {
        add_steps(rows, 0, steps, a, a_stride, &held, b, acc);
    } else if (given->group == 1) {
        add_steps(rows, 1, steps, a, a_stride, &held, b, acc);
    } else {
        add_groups(rows, steps, given->group, a, a_stride, &held, b, acc);
    }
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) store(out + r * out_stride + v * LANES, acc[r][v]);
    }
}

/* Compilers make one loop of each count of rows: it is a constant in it. */
static void run_wide(size_t rows, size_t steps, const int64_t *a, size_t a_stride,
                     const pqs_wide_constants *given, const int64_t *b, const int64_t *start,
                     size_t start_stride, int64_t *out, size_t out_stride) {
#define RUN(r) run_tile(r, steps, a, a_stride, given, b, start, start_stride, out, out_stride)
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
