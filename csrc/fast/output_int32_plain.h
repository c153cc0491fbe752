/* The output steps' vectors without instructions of their own: the compiler's, of any target. */
#include <math.h>
#include <string.h>

#define LANES 4
#define SPLIT 0

typedef int32_t vector __attribute__((vector_size(16)));
typedef uint32_t unsigned_vector __attribute__((vector_size(16)));
typedef float floats __attribute__((vector_size(16)));
typedef struct {
    int64_t lane[LANES];
} products;

#define MADE_OF(type, at, expression)                      \
    type made;                                             \
    for (int i = 0; i < LANES; i++) made at = (expression); \
    return made
#define MADE_OF_LANES(expression) MADE_OF(vector, [i], expression)
#define MADE_OF_PRODUCTS(expression) MADE_OF(products, .lane[i], expression)

static inline vector load_some(const int32_t *from, size_t count) {
    vector x = {0};
    memcpy(&x, from, count * sizeof *from);
    return x;
}
static inline void store_some(int32_t *to, vector x, size_t count) {
    memcpy(to, &x, count * sizeof *to);
}
static inline vector load(const int32_t *from) { return load_some(from, LANES); }
static inline void store(int32_t *to, vector x) { store_some(to, x, LANES); }
static inline vector broadcast(const int32_t *from) {
    return (vector){*from, *from, *from, *from};
}

static inline vector both(vector x, vector y) { return x & y; }
static inline vector either(vector where, vector x, vector y) { return (where & x) | (~where & y); }
static inline vector add(vector x, vector y) {
    return (vector)((unsigned_vector)x + (unsigned_vector)y);
}
static inline vector subtract(vector x, vector y) {
    return (vector)((unsigned_vector)x - (unsigned_vector)y);
}
static inline vector smaller(vector x, vector y) { return either(x < y, x, y); }
static inline vector larger(vector x, vector y) { return either(x > y, x, y); }
static inline vector shift_left(vector x, vector by) {
    MADE_OF_LANES((int32_t)((uint32_t)x[i] << by[i]));
}
static inline vector shift_right(vector x, vector by) { MADE_OF_LANES(x[i] >> by[i]); }
static inline vector shift_right_unsigned(vector x, vector by) {
    MADE_OF_LANES((int32_t)((uint32_t)x[i] >> by[i]));
}
static inline vector negative(vector x) { return x >> 31; } /* all ones, or 0 */
static inline vector odd(vector x) { return -(x & 1); }
static inline vector gather(const int32_t *table, vector at) { MADE_OF_LANES(table[at[i]]); }

static inline products load_products(const int64_t *from) { MADE_OF_PRODUCTS(from[i]); }
static inline products multiply_wide(vector x, vector y) { MADE_OF_PRODUCTS((int64_t)x[i] * y[i]); }
static inline products add_products(products x, products y) {
    MADE_OF_PRODUCTS((int64_t)((uint64_t)x.lane[i] + (uint64_t)y.lane[i]));
}
static inline products both_products(products x, products y) {
    MADE_OF_PRODUCTS(x.lane[i] & y.lane[i]);
}
static inline products shift_left_products(products x, products by) {
    MADE_OF_PRODUCTS((int64_t)((uint64_t)x.lane[i] << by.lane[i]));
}
static inline products negative_products(products x) { MADE_OF_PRODUCTS(x.lane[i] >> 63); }
/* All ones where floor(x / 2^by) is odd, else 0. */
static inline products odd_floors(products x, products by) {
    MADE_OF_PRODUCTS(-(x.lane[i] >> by.lane[i] & 1));
}
/* The lowest 32 bits of floor(x / 2^by). */
static inline vector floors(products x, products by) {
    MADE_OF_LANES((int32_t)(x.lane[i] >> by.lane[i]));
}

static inline floats load_floats(const float *from) {
    floats x;
    memcpy(&x, from, sizeof x);
    return x;
}
static inline floats to_floats(vector x) { return __builtin_convertvector(x, floats); }
static inline floats multiply_floats(floats x, floats y) { return x * y; }
static inline floats add_floats(floats x, floats y) { return x + y; }
/* x is no number: limit */
static inline floats larger_float(floats x, floats limit) {
    return (floats)either(x > limit, (vector)x, (vector)limit);
}
static inline floats smaller_float(floats x, floats limit) {
    return (floats)either(x < limit, (vector)x, (vector)limit);
}

static inline int32_t held(double rounded) {
    const double least = rounded > INT32_MIN ? rounded : INT32_MIN; /* no number: the least */
    return (int32_t)(least < INT32_MAX ? least : INT32_MAX);
}
static inline vector rint_to_int32(floats y) { MADE_OF_LANES(held(rintf(y[i]))); }
static inline vector double_scale(vector x, const double *scale) {
    MADE_OF_LANES(held(round(x[i] * scale[i])));
}
