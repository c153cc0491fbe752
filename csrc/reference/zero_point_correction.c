/* What the zero points add to a sum of raw products. */
#include "reference/reference.h"

/* sum (a - za) * (b - zb) = sum a*b - zb*sum(a) - za*sum(b) + k*za*zb */
int pqs_zero_point_correction(size_t m, size_t n, size_t k,
                              const int64_t *a, size_t a_stride,
                              const int64_t *b, size_t b_stride,
                              const pqs_values *a_zero_point, const pqs_values *b_zero_point,
                              int64_t *out, size_t out_stride) {
    if (!out || (k && (!a || !b))) return PQS_ERROR_NULL;
    for (size_t row = 0; row < m; row++) {
        for (size_t column = 0; column < n; column++) {
            const pqs_uwide za = (pqs_uwide)pqs_value_at(a_zero_point, row, column);
            const pqs_uwide zb = (pqs_uwide)pqs_value_at(b_zero_point, row, column);
            pqs_wide sum_a = 0, sum_b = 0;
            for (size_t i = 0; i < k; i++) {
                sum_a += a[row * a_stride + i];
                sum_b += b[column * b_stride + i];
            }
            const pqs_uwide correction = k * za * zb - zb * (pqs_uwide)sum_a - za * (pqs_uwide)sum_b;
            out[row * out_stride + column] = pqs_wrap64((pqs_wide)correction);
        }
    }
    return PQS_OK;
}
