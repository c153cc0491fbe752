/* A clamped accumulator of 16 bits, of entries of tables, by vpermb and vpermi2b, where the compiler
 * can. */
#include "fast/gemm.h"

#if defined(__AVX512VBMI__)
#include "fast/gemm_permute_512.h"

/* Columns of a vector of bytes, as int16: quarter q of the first has columns 16q to 16q + 7. */
typedef struct {
    vector half[2];
} lanes;

static size_t lane_of(size_t column) { return column / 16 * 8 + column % 8; }

static lanes read_lanes(const int32_t *from) {
    int16_t words[2][BYTES / 2];
    for (size_t c = 0; c < BYTES; c++) words[c / 8 % 2][lane_of(c)] = (int16_t)from[c];
    return (lanes){{_mm512_loadu_si512(words[0]), _mm512_loadu_si512(words[1])}};
}

static void write_lanes(lanes of, int32_t *to) {
    int16_t words[2][BYTES / 2];
    for (size_t h = 0; h < 2; h++) _mm512_storeu_si512(words[h], of.half[h]);
    for (size_t c = 0; c < BYTES; c++) to[c] = words[c / 8 % 2][lane_of(c)];
}

/* The instruction saturates at 16 bits, which leaves what the clamp leaves: the rails are inside. */
ALWAYS_INLINE vector add_clamped(vector acc, vector term, vector minimum, vector maximum) {
    const vector sum = _mm512_adds_epi16(acc, term);
    return _mm512_max_epi16(_mm512_min_epi16(sum, maximum), minimum);
}

ALWAYS_INLINE void run_columns(const size_t vectors, const size_t registers, size_t steps,
                               const char *a, size_t a_step, const pqs_gemm_constants *given,
                               const uint8_t *b, const int32_t *start, int32_t *out) {
    const uint8_t *const low = given->tables, *const high = low + ROWS * registers * BYTES;
    const vector minimum = _mm512_set1_epi16((int16_t)given->minimum);
    const vector maximum = _mm512_set1_epi16((int16_t)given->maximum);
    lanes acc[VECTORS];
    UNROLLED
    for (size_t v = 0; v < vectors; v++) acc[v] = read_lanes(start + v * BYTES);
    for (size_t i = 0; i < steps; i++) {
        for (size_t k = 0; k < STEP_K; k++) {
            const size_t row = row_at(a, k) * registers * BYTES;
            vector lows[4], highs[4];
            load_table(registers, low + row, lows);
            load_table(registers, high + row, highs);
            UNROLLED
            for (size_t v = 0; v < vectors; v++) {
                const vector places = _mm512_loadu_si512(b + k * COLUMNS + v * BYTES);
                const vector x = look_up(registers, lows, places), y = look_up(registers, highs, places);
                const vector first = _mm512_unpacklo_epi8(x, y), second = _mm512_unpackhi_epi8(x, y);
                acc[v].half[0] = add_clamped(acc[v].half[0], first, minimum, maximum);
                acc[v].half[1] = add_clamped(acc[v].half[1], second, minimum, maximum);
            }
        }
        a += a_step;
        b += STEP_K * COLUMNS;
    }
    UNROLLED
    for (size_t v = 0; v < vectors; v++) write_lanes(acc[v], out + v * BYTES);
}

ALWAYS_INLINE void run_registers(const size_t registers, size_t steps, const char *a,
                                 size_t a_step, const pqs_gemm_constants *given, const uint8_t *b,
                                 const int32_t *start, int32_t *out) {
#define RUN(v) run_columns(v, registers, steps, a, a_step, given, b, start, out)
    switch ((given->columns + BYTES - 1) / BYTES) {
    case 1: RUN(1); break;
    case 2: RUN(2); break;
    case 3: RUN(3); break;
    default: RUN(4); break;
    }
#undef RUN
}

static void run_gemm(size_t rows, size_t steps, const char *a, size_t a_row, size_t a_step,
                     const pqs_gemm_constants *given, const char *b, const int32_t *start,
                     size_t start_stride, int32_t *out, size_t out_stride) {
#define RUN(n)                                                                                     \
    run_registers(n, steps, a + r * a_row, a_step, given, (const uint8_t *)b,              \
                  start + r * start_stride, out + r * out_stride)
    for (size_t r = 0; r < rows; r++) {
        switch (given->width) {
        case 64: RUN(1); break;
        case 128: RUN(2); break;
        default: RUN(4); break;
        }
    }
#undef RUN
}

const pqs_gemm_kernel pqs_gemm_permute_clamp__avx512vbmi = {STEP_K,  STEP_K,   0,
                                                            COLUMNS, run_gemm, NULL};
#else
const pqs_gemm_kernel pqs_gemm_permute_clamp__avx512vbmi = {0};
#endif
