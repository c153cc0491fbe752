/* A multiply-accumulate unit: 20-bit saturating accumulator, half-even shift by 6 to int8. */
#include <stddef.h>
#include <stdint.h>

void mac(size_t m, size_t n, size_t k, const int8_t *a, size_t a_stride, const int8_t *b,
         size_t b_stride, const int32_t *bias, int8_t *out, size_t out_stride);

static inline int32_t saturate(int32_t v, int bits) {
    const int32_t high = (INT32_C(1) << (bits - 1)) - 1;
    return v > high ? high : v < -high - 1 ? -high - 1 : v;
}

/* floor(v / 2^6); >> of a negative number is left to the compiler by C, this is not. */
static inline int32_t floor_64(int32_t v) { return v >= 0 ? v / 64 : -((63 - v) / 64); }
