/* The tile of gemm.h. The including file defines `vector` and its load, store, broadcast (of one
 * word), flip (xor), A_WORDS, and multiply_add(acc, a, b, constants); LOAD_A and A_BYTES where a's
 * words are not broadcast; column_word(column, word, constants), what of b meets a's word, where
 * that is not all of it; FEW_ROWS where so few have two accumulators each, sums mod 2^32; GROUPED,
 * and group_value(sum, constants), where steps make groups; FLIPS where a_flip may be other than 0,
 * and what is then another multiply_add, multiply_add_flipped; begin_lanes and end_lanes where lanes
 * do not begin at start; CHECKED where parts may be checked: sums mod 2^32 that begin at start. */
#include "fast/gemm.h"
#include "fast/unrolled.h"

#define VECTORS 2
#define LANES (sizeof(vector) / 4)
#define COLUMNS (VECTORS * LANES)
#ifndef LOAD_A
#define LOAD_A broadcast
#endif
#ifndef A_BYTES
#define A_BYTES PQS_GEMM_WORD
#endif
#ifndef column_word
#define column_word(column, word, held) (column)
#endif
#ifndef FEW_ROWS
#define FEW_ROWS 0
#endif
#ifndef begin_lanes
#define begin_lanes load
#define end_lanes(start, acc, held) ((void)(start), (void)(held), (acc))
#endif
#ifndef multiply_add_flipped
#define multiply_add_flipped(acc, a, b, held) multiply_add(acc, flip(a, (held)->a_flip), b, held)
#endif
#ifndef GROUPED
ALWAYS_INLINE vector group_value(vector sum, const constants *held) {
    (void)held;
    return sum;
}
#endif

/* What a tile is beyond its rows: constants in it. */
typedef struct {
    int flips;
    int groups;  /* a group's sum joins the outer one */
    int singles; /* of one word each */
    int clamps;  /* the outer sum saturates */
} shape;

/* The outer accumulator after a group. */
ALWAYS_INLINE vector fold(const shape is, vector outer, vector group, const constants *held) {
    const vector sum = add(outer, group_value(group, held));
    return is.clamps ? larger(smaller(sum, held->outer_maximum), held->outer_minimum) : sum;
}

ALWAYS_INLINE void add_step(const size_t rows, const shape is, const char *a, size_t a_row,
                            const constants *held, const char *b,
                            vector acc[PQS_GEMM_ROWS][VECTORS]) {
    vector column[VECTORS];
    UNROLLED
    for (size_t v = 0; v < VECTORS; v++) column[v] = load(b + v * sizeof(vector));
    UNROLLED
    for (size_t word = 0; word < A_WORDS; word++) {
        vector y[VECTORS];
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) y[v] = column_word(column[v], word, held);
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            const vector x = LOAD_A(a + r * a_row + word * A_BYTES);
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++) {
                const vector from = is.singles ? (vector){0} : acc[r][v];
                const vector sum = is.flips ? multiply_add_flipped(from, x, y[v], held)
                                            : multiply_add(from, x, y[v], held);
                acc[r][v] = is.singles ? fold(is, acc[r][v], sum, held) : sum;
            }
        }
    }
}

/* Twelve accumulators: enough to hide the latency of the multiply, few enough for registers. Of a
 * few rows each has two, in turns. */
ALWAYS_INLINE void add_steps(const size_t rows, const shape is, size_t steps, const char *a,
                             size_t a_row, size_t a_step, const constants *held, const char *b,
                             vector acc[PQS_GEMM_ROWS][VECTORS]) {
    const size_t b_step = VECTORS * sizeof(vector);
    size_t i = 0;
    if (rows <= FEW_ROWS) {
        vector other[PQS_GEMM_ROWS][VECTORS] = {{{0}}};
        for (; i + 2 <= steps; i += 2) {
            add_step(rows, is, a + i * a_step, a_row, held, b + i * b_step, acc);
            add_step(rows, is, a + (i + 1) * a_step, a_row, held, b + (i + 1) * b_step, other);
        }
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++) acc[r][v] = add(acc[r][v], other[r][v]);
        }
    }
    for (; i < steps; i++) {
        add_step(rows, is, a + i * a_step, a_row, held, b + i * b_step, acc);
    }
}

ALWAYS_INLINE void add_groups(const size_t rows, const shape is, size_t steps, size_t group_steps,
                              const char *a, size_t a_row, size_t a_step, const constants *held,
                              const char *b, vector outer[PQS_GEMM_ROWS][VECTORS]) {
    for (size_t first = 0; first < steps; first += group_steps) {
        const size_t left = steps - first, count = left < group_steps ? left : group_steps;
        vector acc[PQS_GEMM_ROWS][VECTORS];
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++) acc[r][v] = (vector){0};
        }
        add_steps(rows, is, count, a, a_row, a_step, held, b, acc);
        UNROLLED
        for (size_t r = 0; r < rows; r++) {
            UNROLLED
            for (size_t v = 0; v < VECTORS; v++) {
                outer[r][v] = fold(is, outer[r][v], acc[r][v], held);
            }
        }
        a += count * a_step;
        b += count * VECTORS * sizeof(vector);
    }
}

ALWAYS_INLINE void begin_tile(const size_t rows, const int32_t *start, size_t start_stride,
                              vector acc[PQS_GEMM_ROWS][VECTORS]) {
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) {
            acc[r][v] = begin_lanes(start + r * start_stride + v * LANES);
        }
    }
}

ALWAYS_INLINE void end_tile(const size_t rows, const constants *held, const int32_t *start,
                            size_t start_stride, vector acc[PQS_GEMM_ROWS][VECTORS], int32_t *out,
                            size_t out_stride) {
    UNROLLED
    for (size_t r = 0; r < rows; r++) {
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) {
            const int32_t *const from = start + r * start_stride + v * LANES;
            store(out + r * out_stride + v * LANES, end_lanes(from, acc[r][v], held));
        }
    }
}

ALWAYS_INLINE void run_tile(const size_t rows, const shape is, size_t steps, const char *a,
                            size_t a_row, size_t a_step, const pqs_gemm_constants *given,
                            const char *b, const int32_t *start, size_t start_stride, int32_t *out,
                            size_t out_stride) {
    vector acc[PQS_GEMM_ROWS][VECTORS];
    const constants held = constants_of(given);
    begin_tile(rows, start, start_stride, acc);
    if (is.groups && !is.singles) {
        add_groups(rows, is, steps, given->group_steps, a, a_row, a_step, &held, b, acc);
    } else {
        add_steps(rows, is, steps, a, a_row, a_step, &held, b, acc);
    }
    end_tile(rows, &held, start, start_stride, acc, out, out_stride);
}

/* Compilers make one loop of each count of rows: it is a constant in it. */
ALWAYS_INLINE void run_rows(size_t rows, const shape is, size_t steps, const char *a, size_t a_row,
                            size_t a_step, const pqs_gemm_constants *given, const char *b,
                            const int32_t *start, size_t start_stride, int32_t *out,
                            size_t out_stride) {
#define RUN(r)                                                                                     \
    run_tile(r, is, steps, a, a_row, a_step, given, b, start, start_stride, out, out_stride)
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
#define RUN(...)                                                                                   \
    run_rows(rows, (shape){__VA_ARGS__}, steps, a, a_row, a_step, given, b, start, start_stride,   \
             out, out_stride)
#ifdef GROUPED
    const int clamps = given->outer_minimum < given->outer_maximum;
    if (A_WORDS == 1 && given->group_steps == 1) {
        if (clamps) RUN(.groups = 1, .singles = 1, .clamps = 1);
        else RUN(.groups = 1, .singles = 1);
    } else if (clamps) {
        RUN(.groups = 1, .clamps = 1);
    } else {
        RUN(.groups = 1);
    }
#else
#ifdef FLIPS
    if (given->a_flip) {
        RUN(.flips = 1);
        return;
    }
#endif
    RUN(.flips = 0);
#endif
#undef RUN
}

#ifdef CHECKED
ALWAYS_INLINE int is_within(vector least, vector most, const pqs_gemm_parts *parts) {
    int32_t low[LANES], high[LANES];
    store(low, least);
    store(high, most);
    int held = 1;
    for (size_t i = 0; i < LANES; i++) {
        held &= low[i] >= parts->minimum && high[i] <= parts->maximum;
    }
    return held;
}

/* The extremes stay in two registers: a part costs no more than to look at its lanes. */
ALWAYS_INLINE int check_tile(const size_t rows, const shape is, size_t steps, const char *a,
                             size_t a_row, size_t a_step, const pqs_gemm_constants *given,
                             const pqs_gemm_parts *parts, const char *b, const int32_t *start,
                             size_t start_stride, int32_t *out, size_t out_stride) {
    const int32_t *corrections = parts->corrections;
    vector acc[PQS_GEMM_ROWS][VECTORS];
    const constants held = constants_of(given);
    begin_tile(rows, start, start_stride, acc);
    vector least = add(acc[0][0], load(corrections)), most = least;
    for (size_t first = 0; first < steps; first += parts->steps) {
        const size_t left = steps - first, count = left < parts->steps ? left : parts->steps;
        UNROLLED
        for (size_t v = 0; v < VECTORS; v++) {
            const vector correction = load(corrections + v * LANES);
            UNROLLED
            for (size_t r = 0; r < rows; r++) {
                const vector prefix = add(acc[r][v], correction);
                least = smaller(least, prefix);
                most = larger(most, prefix);
            }
        }
        add_steps(rows, is, count, a, a_row, a_step, &held, b, acc);
        a += count * a_step;
        b += count * VECTORS * sizeof(vector);
        corrections += parts->stride;
    }
    end_tile(rows, &held, start, start_stride, acc, out, out_stride);
    return is_within(least, most, parts);
}

ALWAYS_INLINE int check_rows(size_t rows, const shape is, size_t steps, const char *a, size_t a_row,
                             size_t a_step, const pqs_gemm_constants *given,
                             const pqs_gemm_parts *parts, const char *b, const int32_t *start,
                             size_t start_stride, int32_t *out, size_t out_stride) {
#define CHECK(r)                                                                                   \
    check_tile(r, is, steps, a, a_row, a_step, given, parts, b, start, start_stride, out,          \
               out_stride)
    switch (rows) {
    case 1: return CHECK(1);
    case 2: return CHECK(2);
    case 3: return CHECK(3);
    case 4: return CHECK(4);
    case 5: return CHECK(5);
    default: return CHECK(6);
    }
#undef CHECK
}

static int check_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                      const pqs_gemm_constants *given, const pqs_gemm_parts *parts, const char *b,
                      const int32_t *start, size_t start_stride, int32_t *out, size_t out_stride) {
#define CHECK(...)                                                                                 \
    check_rows(rows, (shape){__VA_ARGS__}, steps, a, a_row, a_step, given, parts, b, start,        \
               start_stride, out, out_stride)
#ifdef FLIPS
    if (given->a_flip) return CHECK(.flips = 1);
#endif
    return CHECK(.flips = 0);
#undef CHECK
}
#endif
