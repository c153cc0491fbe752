/* A clamped accumulator of entries of tables by vpermb and vpermi2b, where the compiler can. Two
 * planes of bytes make int16 lanes, four int32 lanes. */
#include "fast/gemm.h"

#if defined(__AVX512VBMI__)
#include "fast/gemm_permute_512.h"

#define MOST_PLANES 4

/* As many vectors of lanes as planes hold a vector's columns. Each quarter of the first has some
 * columns, of the next those that follow, as unpacking leaves them. */
static size_t part_of(size_t planes, size_t column) {
    const size_t count = 16 / planes;
    return column / count % planes;
}

static size_t lane_of(size_t planes, size_t column) {
    const size_t count = 16 / planes;
    return column / 16 * count + column % count;
}

static void read_lanes(size_t planes, const int32_t *from, vector *to) {
    int16_t halves[MOST_PLANES][BYTES / 2];
    int32_t words[MOST_PLANES][BYTES / 4];
    for (size_t c = 0; c < BYTES; c++) {
        const size_t part = part_of(planes, c), lane = lane_of(planes, c);
        if (planes == 2) halves[part][lane] = (int16_t)from[c];
        else words[part][lane] = from[c];
    }
    for (size_t p = 0; p < planes; p++) {
        to[p] = _mm512_loadu_si512(planes == 2 ? (const void *)halves[p] : (const void *)words[p]);
    }
}

static void write_lanes(size_t planes, const vector *from, int32_t *to) {
    int16_t halves[MOST_PLANES][BYTES / 2];
    int32_t words[MOST_PLANES][BYTES / 4];
    for (size_t p = 0; p < planes; p++) {
        _mm512_storeu_si512(planes == 2 ? (void *)halves[p] : (void *)words[p], from[p]);
    }
    for (size_t c = 0; c < BYTES; c++) {
        const size_t part = part_of(planes, c), lane = lane_of(planes, c);
        to[c] = planes == 2 ? halves[part][lane] : words[part][lane];
    }
}

/* The 16-bit sum saturates first, which leaves what the clamp leaves: the rails are inside. */
ALWAYS_INLINE vector add_clamped(const size_t planes, vector acc, vector term, vector minimum,
                                 vector maximum) {
    if (planes == 2) {
        const vector sum = _mm512_adds_epi16(acc, term);
        return _mm512_max_epi16(_mm512_min_epi16(sum, maximum), minimum);
    }
    const vector sum = _mm512_add_epi32(acc, term);
    return _mm512_max_epi32(_mm512_min_epi32(sum, maximum), minimum);
}

/* The planes' entries of a vector's columns, put together. */
ALWAYS_INLINE void look_up_terms(const size_t planes, const size_t registers,
                                 vector tables[MOST_PLANES][4], vector places, vector *terms) {
    const vector first = look_up(registers, tables[0], places);
    const vector second = look_up(registers, tables[1], places);
    terms[0] = _mm512_unpacklo_epi8(first, second);
    terms[1] = _mm512_unpackhi_epi8(first, second);
    if (planes == 2) return;
    const vector third = look_up(registers, tables[2], places);
    const vector fourth = look_up(registers, tables[3], places);
    const vector low = _mm512_unpacklo_epi8(third, fourth);
    const vector high = _mm512_unpackhi_epi8(third, fourth);
    terms[3] = _mm512_unpackhi_epi16(terms[1], high);
    terms[2] = _mm512_unpacklo_epi16(terms[1], high);
    terms[1] = _mm512_unpackhi_epi16(terms[0], low);
    terms[0] = _mm512_unpacklo_epi16(terms[0], low);
}

ALWAYS_INLINE void run_columns(const size_t planes, const size_t registers, const size_t vectors,
                               size_t steps, const char *a, size_t a_step,
                               const pqs_gemm_constants *given, const uint8_t *b,
                               const int32_t *start, int32_t *out) {
    const int16_t low = (int16_t)given->minimum, high = (int16_t)given->maximum;
    const vector minimum = planes == 2 ? _mm512_set1_epi16(low) : _mm512_set1_epi32(given->minimum);
    const vector maximum = planes == 2 ? _mm512_set1_epi16(high) : _mm512_set1_epi32(given->maximum);
    const size_t row_bytes = registers * BYTES;
    vector acc[VECTORS][MOST_PLANES];
    UNROLLED
    for (size_t v = 0; v < vectors; v++) read_lanes(planes, start + v * BYTES, acc[v]);
    for (size_t i = 0; i < steps; i++) {
        for (size_t k = 0; k < STEP_K; k++) {
            const uint8_t *const row = (const uint8_t *)given->tables + row_at(a, k) * row_bytes;
            vector tables[MOST_PLANES][4];
            UNROLLED
            for (size_t p = 0; p < planes; p++) {
                load_table(registers, row + p * ROWS * row_bytes, tables[p]);
            }
            UNROLLED
            for (size_t v = 0; v < vectors; v++) {
                vector terms[MOST_PLANES];
                look_up_terms(planes, registers, tables,
                              _mm512_loadu_si512(b + k * COLUMNS + v * BYTES), terms);
                UNROLLED
                for (size_t p = 0; p < planes; p++) {
                    acc[v][p] = add_clamped(planes, acc[v][p], terms[p], minimum, maximum);
                }
            }
        }
        a += a_step;
        b += STEP_K * COLUMNS;
    }
    UNROLLED
    for (size_t v = 0; v < vectors; v++) write_lanes(planes, acc[v], out + v * BYTES);
}

ALWAYS_INLINE void run_registers(const size_t planes, const size_t registers, size_t steps,
                                 const char *a, size_t a_step, const pqs_gemm_constants *given,
                                 const uint8_t *b, const int32_t *start, int32_t *out) {
#define RUN(v) run_columns(planes, registers, v, steps, a, a_step, given, b, start, out)
    switch ((given->columns + BYTES - 1) / BYTES) {
    case 1: RUN(1); break;
    case 2: RUN(2); break;
    case 3: RUN(3); break;
    default: RUN(4); break;
    }
#undef RUN
}

ALWAYS_INLINE void run_row(const size_t planes, size_t steps, const char *a, size_t a_step,
                           const pqs_gemm_constants *given, const uint8_t *b, const int32_t *start,
                           int32_t *out) {
#define RUN(n) run_registers(planes, n, steps, a, a_step, given, b, start, out)
    switch (given->width) {
    case 64: RUN(1); break;
    case 128: RUN(2); break;
    default: RUN(4); break;
    }
#undef RUN
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *given, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
    for (size_t r = 0; r < rows; r++) {
        const int32_t *const from = start + r * start_stride;
        int32_t *const to = out + r * out_stride;
        const uint8_t *const places = (const uint8_t *)b;
        if (given->planes == 2) run_row(2, steps, a, a_step, given, places, from, to);
        else run_row(4, steps, a, a_step, given, places, from, to);
        a += a_row;
    }
}

const pqs_gemm_kernel pqs_gemm_permute_clamp__avx512vbmi = {
    .b_elements = STEP_K,
    .a_words = STEP_K,
    .a_signed = 0,
    .columns = COLUMNS,
    .tile = run_gemm,
};
#else
const pqs_gemm_kernel pqs_gemm_permute_clamp__avx512vbmi = {0};
#endif
