/* Matrix products that differ in nothing but how one product is made: multiplied, shifted, looked up.
 *
 * Compiled once for every instruction set and LANE_BITS: 16 has a saturating accumulator of 16 bits
 * in ascending k, 32 a wrapping one of 32 bits. A tile is four rows by two vectors; weights are
 * decoded once a vector, for four rows. Every product fits a lane. */
#include <stddef.h>
#include <stdint.h>

#define ROWS 4
#define VECTORS 2

/* A count that shifts everything out. */
enum { NOTHING = 40 };

#if defined(__AVX512BW__)
#include <immintrin.h>
typedef __m512i vector;
typedef __m512i count;
#define LANES (512 / LANE_BITS)
#define HAS_LOOKUP 1
#define OP(name) OP_(_mm512_##name##_epi, LANE_BITS)
#define OP_(name, bits) OP__(name, bits)
#define OP__(name, bits) name##bits
#if LANE_BITS == 16
typedef __mmask32 sign;
#define sign_of(s) _mm512_movepi16_mask(s)
#define add(x, y) _mm512_adds_epi16(x, y)
#else
typedef __mmask16 sign;
#define sign_of(s) _mm512_movepi32_mask(s)
#define add(x, y) _mm512_add_epi32(x, y)
#endif
#define load(p) _mm512_loadu_si512(p)
#define store(p, x) _mm512_storeu_si512(p, x)
#define broadcast(x) _mm512_set1_epi32(x)
#define count_of(c) (c)
#define plus(x, y) OP(add)(x, y)
#define multiply(x, y) OP(mullo)(x, y)
#define left(x, c) OP(sllv)(x, c)
#define right(x, c) OP(srav)(x, c)
#define right_by(x, n) OP(srai)(x, n)
#define with_sign(x, s) OP(mask_sub)(x, s, _mm512_setzero_si512(), x)
#define look_up(table, code) OP(permutexvar)(code, table)
#if LANE_BITS == 16
#define load_table(p) _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)(p)))
#else
#define load_table(p) load(p)
#endif

#elif defined(__AVX2__)
#include <immintrin.h>
typedef __m256i vector;
typedef __m256i sign;
#define LANES (256 / LANE_BITS)
#define sign_of(s) (s)
#define load(p) _mm256_loadu_si256((const __m256i *)(p))
#define store(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#define broadcast(x) _mm256_set1_epi32(x)
#if LANE_BITS == 16
#define add(x, y) _mm256_adds_epi16(x, y)
#define plus(x, y) _mm256_add_epi16(x, y)
#define multiply(x, y) _mm256_mullo_epi16(x, y)
#define right_by(x, n) _mm256_srai_epi16(x, n)
#define with_sign(x, s) _mm256_sign_epi16(x, s)
/* AVX2 shifts no 16-bit lanes by counts of their own: each half of a 32-bit lane by itself. */
typedef struct {
    vector low, high;
} count;
static inline count count_of(vector c) {
    return (count){_mm256_and_si256(c, _mm256_set1_epi32(0xffff)), _mm256_srli_epi32(c, 16)};
}
static inline vector left(vector x, count c) {
    const vector high = _mm256_and_si256(x, _mm256_set1_epi32((int)0xffff0000));
    return _mm256_blend_epi16(_mm256_sllv_epi32(x, c.low), _mm256_sllv_epi32(high, c.high), 0xaa);
}
static inline vector right(vector x, count c) {
    const vector low = _mm256_srai_epi32(_mm256_slli_epi32(x, 16), 16);
    return _mm256_blend_epi16(_mm256_srav_epi32(low, c.low), _mm256_srav_epi32(x, c.high), 0xaa);
}
#else
typedef __m256i count;
#define count_of(c) (c)
#define add(x, y) _mm256_add_epi32(x, y)
#define plus(x, y) _mm256_add_epi32(x, y)
#define multiply(x, y) _mm256_mullo_epi32(x, y)
#define left(x, c) _mm256_sllv_epi32(x, c)
#define right(x, c) _mm256_srav_epi32(x, c)
#define right_by(x, n) _mm256_srai_epi32(x, n)
#define with_sign(x, s) _mm256_sign_epi32(x, s)
#endif

#else /* one lane: what a C compiler makes of scalars */
typedef int32_t vector;
typedef int32_t count;
typedef int32_t sign;
#define LANES 1
#define sign_of(s) (s)
#define count_of(c) (c)
#define load(p) (*(p))
#define store(p, x) (*(p) = (lane)(x))
#define broadcast(x) ((lane)(x))
#define plus(x, y) ((int32_t)((uint32_t)(x) + (uint32_t)(y)))
#define multiply(x, y) ((x) * (y))
#define right_by(x, n) ((x) >> (n))
#define with_sign(x, s) ((s) < 0 ? -(x) : (x))
static inline int32_t left(int32_t x, int32_t c) {
    return c >= LANE_BITS ? 0 : (int32_t)((uint32_t)x << c);
}
static inline int32_t right(int32_t x, int32_t c) { return x >> (c > 31 ? 31 : c); }
#if LANE_BITS == 16
static inline int32_t add(int32_t x, int32_t y) {
    const int32_t sum = x + y;
    return sum > INT16_MAX ? INT16_MAX : sum < INT16_MIN ? INT16_MIN : sum;
}
#else
#define add(x, y) plus(x, y)
#endif
#endif

#if LANE_BITS == 16
typedef int16_t lane;
/* A pair, so that one broadcast of 32 bits fills all lanes. */
static inline int32_t spread(int32_t x) { return (int32_t)((uint32_t)(uint16_t)x * 0x10001u); }
#else
typedef int32_t lane;
static inline int32_t spread(int32_t x) { return x; }
#endif

#define COLUMNS (VECTORS * LANES)

/* a: (m, k), m a multiple of ROWS; w: [n / COLUMNS][k][planes][COLUMNS]; out: (m, n);
 * scratch: ROWS * k int32, or 16 times as many for LOOK_UP. */
typedef void loop(size_t m, size_t n, size_t k, const int16_t *a, const lane *w, void *scratch,
                  lane *out);

#define LOOP(name, planes, per_k, PACK, X, DECODE, PRODUCT)                                       \
    static void name(size_t m, size_t n, size_t k, const int16_t *a, const lane *w,               \
                     void *scratch, lane *out) {                                                  \
        for (size_t i = 0; i < m; i += ROWS) {                                                    \
            for (size_t kk = 0; kk < k; kk++) {                                                   \
                for (size_t r = 0; r < ROWS; r++) {                                               \
                    PACK((char *)scratch + (kk * ROWS + r) * (per_k), a[(i + r) * k + kk]);       \
                }                                                                                 \
            }                                                                                     \
            const lane *at = w;                                                                   \
            for (size_t j = 0; j < n; j += COLUMNS) {                                             \
                vector acc[ROWS][VECTORS] = {0};                                                  \
                const char *x_at = scratch;                                                       \
                for (size_t kk = 0; kk < k; kk++, at += (planes) * COLUMNS) {                     \
                    DECODE                                                                        \
                    for (size_t r = 0; r < ROWS; r++, x_at += (per_k)) {                          \
                        const vector x = X(x_at);                                                 \
                        for (size_t v = 0; v < VECTORS; v++) {                                    \
                            acc[r][v] = add(acc[r][v], PRODUCT);                                  \
                        }                                                                         \
                    }                                                                             \
                }                                                                                 \
                for (size_t r = 0; r < ROWS; r++) {                                               \
                    for (size_t v = 0; v < VECTORS; v++) {                                        \
                        store(out + (i + r) * n + j + v * LANES, acc[r][v]);                      \
                    }                                                                             \
                }                                                                                 \
            }                                                                                     \
        }                                                                                         \
    }

#define PACK_ONE(to, value) (*(int32_t *)(void *)(to) = spread(value))
#define X_ONE(from) broadcast(*(const int32_t *)(const void *)(from))
#define PLANE(p, v) load(at + (p) * COLUMNS + (v) * LANES)
#define EACH(type, name, value)                                                                   \
    type name[VECTORS];                                                                           \
    for (size_t v = 0; v < VECTORS; v++) name[v] = value;

LOOP(run_multiply, 1, 4, PACK_ONE, X_ONE, EACH(vector, w0, PLANE(0, v)), multiply(x, w0[v]))

LOOP(run_multiply_right, 1, 4, PACK_ONE, X_ONE, EACH(vector, w0, PLANE(0, v)),
     right_by(multiply(x, w0[v]), 7))

LOOP(run_shift, 2, 4, PACK_ONE, X_ONE,
     EACH(count, c0, count_of(PLANE(0, v))) EACH(sign, s, sign_of(PLANE(1, v))),
     with_sign(left(x, c0[v]), s[v]))

LOOP(run_shift_right, 2, 4, PACK_ONE, X_ONE,
     EACH(count, c0, count_of(PLANE(0, v))) EACH(sign, s, sign_of(PLANE(1, v))),
     right(with_sign(x, s[v]), c0[v]))

LOOP(run_two_terms, 3, 4, PACK_ONE, X_ONE,
     EACH(count, c0, count_of(PLANE(0, v))) EACH(count, c1, count_of(PLANE(1, v)))
         EACH(sign, s, sign_of(PLANE(2, v))),
     with_sign(plus(left(x, c0[v]), left(x, c1[v])), s[v]))

LOOP(run_three_terms, 4, 4, PACK_ONE, X_ONE,
     EACH(count, c0, count_of(PLANE(0, v))) EACH(count, c1, count_of(PLANE(1, v)))
         EACH(count, c2, count_of(PLANE(2, v))) EACH(sign, s, sign_of(PLANE(3, v))),
     with_sign(plus(plus(left(x, c0[v]), left(x, c1[v])), left(x, c2[v])), s[v]))

/* a holds exponents: the product is 1 shifted by the sum of two. */
LOOP(run_add_exponents, 2, 4, PACK_ONE, X_ONE,
     const vector one = broadcast(spread(1)); EACH(vector, e, PLANE(0, v))
         EACH(sign, s, sign_of(PLANE(1, v))),
     with_sign(left(one, count_of(plus(x, e[v]))), s[v]))

#ifdef HAS_LOOKUP
/* The 16 products of one activation, by the code of a weight: -8..7 in two's complement. */
static inline void pack_table(void *to, int32_t x) {
    lane *table = to;
    for (int32_t code = 0; code < 16; code++) table[code] = (lane)(x * (code < 8 ? code : code - 16));
}

LOOP(run_look_up, 1, 16 * sizeof(lane), pack_table, load_table, EACH(vector, w0, PLANE(0, v)),
     look_up(x, w0[v]))
#else
#define run_look_up NULL
#endif

/* The textbook's three loops over weights as they lie, (k, n) exponents and signs. */
static void run_plain(size_t m, size_t n, size_t k, const int16_t *a, const lane *w, void *scratch,
                      lane *out) {
    const lane *signs = w + k * n;
    (void)scratch;
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            int32_t acc = 0;
            for (size_t kk = 0; kk < k; kk++) {
                const lane exponent = w[kk * n + j];
                const int32_t x = a[i * k + kk];
                const int32_t shifted = exponent == NOTHING ? 0 : (int32_t)((uint32_t)x << exponent);
                acc += signs[kk * n + j] < 0 ? -shifted : shifted;
#if LANE_BITS == 16
                acc = acc > INT16_MAX ? INT16_MAX : acc < INT16_MIN ? INT16_MIN : acc;
#endif
            }
            out[i * n + j] = (lane)acc;
        }
    }
}

loop *const loop_plain = run_plain;
loop *const loop_multiply = run_multiply;
loop *const loop_multiply_right = run_multiply_right;
loop *const loop_shift = run_shift;
loop *const loop_shift_right = run_shift_right;
loop *const loop_two_terms = run_two_terms;
loop *const loop_three_terms = run_three_terms;
loop *const loop_add_exponents = run_add_exponents;
loop *const loop_look_up = run_look_up;
const size_t loop_columns = COLUMNS;
const int32_t loop_nothing = NOTHING;
