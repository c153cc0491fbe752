/* The output steps' vectors in plain C; 64-bit products in order. */
#include <math.h>
#include <string.h>

#define LANES 8
#define SPLIT 0

typedef struct {
    int32_t lane[LANES];
} vector;
typedef struct {
    int64_t lane[LANES];
} products;
typedef struct {
    float lane[LANES];
} floats;

#define MADE_OF(type, expression)                          \
    type made;                                             \
    for (int i = 0; i < LANES; i++) made.lane[i] = expression; \
    return made

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
static inline vector broadcast(const int32_t *from) { MADE_OF(vector, *from); }

static inline vector add(vector x, vector y) {
    MADE_OF(vector, (int32_t)((uint32_t)x.lane[i] + (uint32_t)y.lane[i]));
}
static inline vector subtract(vector x, vector y) {
    MADE_OF(vector, (int32_t)((uint32_t)x.lane[i] - (uint32_t)y.lane[i]));
}
static inline vector smaller(vector x, vector y) {
    MADE_OF(vector, x.lane[i] < y.lane[i] ? x.lane[i] : y.lane[i]);
}
static inline vector larger(vector x, vector y) {
    MADE_OF(vector, x.lane[i] > y.lane[i] ? x.lane[i] : y.lane[i]);
}
static inline vector both(vector x, vector y) { MADE_OF(vector, x.lane[i] & y.lane[i]); }
static inline vector shift_left(vector x, vector by) {
    MADE_OF(vector, (int32_t)((uint32_t)x.lane[i] << by.lane[i]));
}
static inline vector shift_right(vector x, vector by) { MADE_OF(vector, x.lane[i] >> by.lane[i]); }
static inline vector shift_right_unsigned(vector x, vector by) {
    MADE_OF(vector, (int32_t)((uint32_t)x.lane[i] >> by.lane[i]));
}
static inline vector negative(vector x) { MADE_OF(vector, x.lane[i] >> 31); }
static inline vector odd(vector x) { MADE_OF(vector, -(x.lane[i] & 1)); }
static inline vector gather(const int32_t *table, vector at) {
    MADE_OF(vector, table[at.lane[i]]);
}

static inline products load_products(const int64_t *from) { MADE_OF(products, from[i]); }
static inline products multiply_wide(vector x, vector y) {
    MADE_OF(products, (int64_t)x.lane[i] * y.lane[i]);
}
static inline products add_products(products x, products y) {
    MADE_OF(products, x.lane[i] + y.lane[i]);
}
static inline products both_products(products x, products y) {
    MADE_OF(products, x.lane[i] & y.lane[i]);
}
static inline products shift_left_products(products x, products by) {
    MADE_OF(products, (int64_t)((uint64_t)x.lane[i] << by.lane[i]));
}
static inline products negative_products(products x) { MADE_OF(products, x.lane[i] >> 63); }
/* All ones where floor(x / 2^by) is odd, else 0. */
static inline products odd_floors(products x, products by) {
    MADE_OF(products, -(x.lane[i] >> by.lane[i] & 1));
}
/* The lowest 32 bits of floor(x / 2^by). */
static inline vector floors(products x, products by) {
    MADE_OF(vector, (int32_t)(x.lane[i] >> by.lane[i]));
}

static inline floats load_floats(const float *from) { MADE_OF(floats, from[i]); }
static inline floats to_floats(vector x) { MADE_OF(floats, (float)x.lane[i]); }
static inline floats multiply_floats(floats x, floats y) {
    MADE_OF(floats, x.lane[i] * y.lane[i]);
}
static inline floats add_floats(floats x, floats y) { MADE_OF(floats, x.lane[i] + y.lane[i]); }
/* x is no number: limit */
static inline floats larger_float(floats x, floats limit) {
    MADE_OF(floats, x.lane[i] > limit.lane[i] ? x.lane[i] : limit.lane[i]);
}
static inline floats smaller_float(floats x, floats limit) {
    MADE_OF(floats, x.lane[i] < limit.lane[i] ? x.lane[i] : limit.lane[i]);
}

static inline int32_t held(double rounded) {
    const double least = rounded > INT32_MIN ? rounded : INT32_MIN; /* no number: the least */
    return (int32_t)(least < INT32_MAX ? least : INT32_MAX);
}
static inline vector rint_to_int32(floats y) { MADE_OF(vector, held(rintf(y.lane[i]))); }
static inline vector double_scale(vector x, const double *scale) {
    MADE_OF(vector, held(round(x.lane[i] * scale[i])));
}
