/* pqs_narrow_array: no undefined behaviour on anything; results lie in the register, an overflow is
 * where the exact register holds something else. pqs_zero_point_correction: modulo 2^64. */
#include "bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void narrow(bytes *in) {
    const pqs_narrow step = pick_narrow(in);
    const size_t count = (size_t)pick(in, 0, 9);
    int64_t *const x = exactly(count, sizeof *x), *const out = exactly(count, sizeof *out);
    int64_t *const exact = exactly(count, sizeof *exact);
    for (size_t i = 0; i < count; i++) x[i] = pick_integer(in);
    int64_t overflows = 0, none = 0;
    pqs_place trap = {0}, unused = {0};
    const int status = pqs_narrow_array(&step, count, x, out, &overflows, &trap);
    if (status == PQS_OK || status == PQS_TRAPPED) {
        pqs_narrow wide = step;
        wide.range = (pqs_register){0, PQS_OVERFLOW_WRAP, 0, 1};
        require(pqs_narrow_array(&wide, count, x, exact, &none, &unused) == PQS_OK, "exact narrow");
        int64_t changed = 0;
        for (size_t i = 0; i < count; i++) {
            const int bits = step.range.bits;
            changed += out[i] != exact[i];
            if (!bits || bits == 64) continue;
            const int64_t high =
                (int64_t)((UINT64_C(1) << (bits - (step.range.is_signed != 0))) - 1);
            const int64_t low = step.range.is_signed ? -high - 1 : 0;
            require(low <= out[i] && out[i] <= high, "narrow: outside its register");
        }
        require(changed <= overflows, "narrow: changed without an overflow");
        require((status == PQS_TRAPPED) == (trap.found != 0), "narrow: status and place");
    }
    free(x), free(out), free(exact);
}

static void correction(bytes *in) {
    const size_t m = (size_t)pick(in, 0, 4), n = (size_t)pick(in, 0, 4), k = (size_t)pick(in, 0, 5);
    int64_t *const a = exactly(m * k, sizeof *a), *const b = exactly(n * k, sizeof *b);
    int64_t *const out = exactly(m * n, sizeof *out);
    for (size_t i = 0; i < m * k; i++) a[i] = pick_integer(in);
    for (size_t i = 0; i < n * k; i++) b[i] = pick_integer(in);
    int64_t za = pick_integer(in), zb = pick_integer(in);
    const pqs_values a_zero = {&za, 0, 0, 0}, b_zero = {&zb, 0, 0, 0};
    pqs_zero_point_correction(m, n, k, a, k, b, k, &a_zero, &b_zero, out, n);
    for (size_t i = 0; i < m * n; i++) {
        uint64_t sum = 0; /* of (a - za) * (b - zb) - a * b */
        for (size_t j = 0; j < k; j++) {
            const uint64_t x = (uint64_t)a[i / n * k + j], y = (uint64_t)b[i % n * k + j];
            sum += (x - (uint64_t)za) * (y - (uint64_t)zb) - x * y;
        }
        require((uint64_t)out[i] == sum, "zero point correction");
    }
    free(a), free(b), free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes in = {data, size};
    if (next_byte(&in) % 4 == 3) {
        correction(&in);
    } else {
        narrow(&in);
    }
    return 0;
}
