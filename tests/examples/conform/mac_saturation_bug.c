/* Planted: saturates once, after the whole sum, not at every addition. */
#include "mac.h"

static int32_t half_even_64(int32_t v) {
    const int32_t floor = floor_64(v), rest = v - floor * 64;
    return floor + (rest > 32 || (rest == 32 && floor % 2 != 0));
}

void mac(size_t m, size_t n, size_t k, const int8_t *a, size_t a_stride, const int8_t *b,
         size_t b_stride, const int32_t *bias, int8_t *out, size_t out_stride) {
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            int32_t sum = bias[j];
            for (size_t t = 0; t < k; t++) {
                sum += a[i * a_stride + t] * b[t * b_stride + j];
            }
            out[i * out_stride + j] = (int8_t)saturate(half_even_64(saturate(sum, 20)), 8);
        }
    }
}
