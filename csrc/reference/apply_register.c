/* The overflow rules: what a register holds after a value outside its range was written. */
#include "reference/reference.h"

/* The smallest and largest value that the register holds. */
pqs_range pqs_register_range(const pqs_register *reg) {
    if (reg->bits == 0) {
        const pqs_wide largest = (pqs_wide)(~(pqs_uwide)0 >> 1);
        return (pqs_range){-largest - 1, largest};
    }
    const pqs_wide maximum = ((pqs_wide)1 << (reg->bits - (reg->is_signed ? 1 : 0))) - 1;
    const int symmetric = reg->overflow == PQS_OVERFLOW_SATURATE_SYMMETRIC;
    return (pqs_range){reg->is_signed ? -maximum - (symmetric ? 0 : 1) : 0, maximum};
}

static int bit_of(pqs_wide v, int index) { return (int)(v >> index & 1); }

/* The low `bits` bits of v, all inverted if `invert`. */
static pqs_uwide low_bits(pqs_wide v, int bits, int invert) {
    const pqs_uwide mask = ((pqs_uwide)1 << bits) - 1;
    return ((pqs_uwide)v ^ (invert ? mask : 0)) & mask;
}

/* The top n of W bits: the sign, then its complement; unsigned: n ones. In place in W bits. */
static pqs_uwide saturated_top(const pqs_register *reg, int n, int negative) {
    const int width = reg->bits;
    const pqs_uwide ones = low_bits(-1, n, 0) << (width - n);
    if (!reg->is_signed) return ones;
    const pqs_uwide sign = (pqs_uwide)1 << (width - 1);
    return negative ? sign : ones & ~sign;
}

/* HLS AP_WRAP with n saturated bits. */
static pqs_uwide wrap_saturated_bits(const pqs_register *reg, pqs_wide q) {
    const int n = reg->saturated_bits;
    return saturated_top(reg, n, q < 0) | low_bits(q, reg->bits - n, 0);
}

/* HLS AP_WRAP_SM with n saturated bits; `floor` is the value's floor before rounding. */
static pqs_uwide sign_magnitude_wrap(const pqs_register *reg, pqs_wide q, pqs_wide floor) {
    const int width = reg->bits, n = reg->saturated_bits, negative = q < 0;
    if (n > 1) {
        const int invert = bit_of(q, width - n) == negative;
        return saturated_top(reg, n, negative) | low_bits(q, width - n, invert);
    }
    const int sign = n == 0 ? bit_of(floor, width) : negative;
    const int invert = sign != bit_of(q, width - 1);
    return (pqs_uwide)sign << (width - 1) | low_bits(q, width - 1, invert);
}

/* What the register holds after `value`, which lies outside `range`. */
static int64_t overflowed(const pqs_register *reg, pqs_range range, pqs_wide value, pqs_wide floor) {
    pqs_wide bits = value;
    switch (reg->overflow) {
    case PQS_OVERFLOW_SATURATE:
    case PQS_OVERFLOW_SATURATE_SYMMETRIC:
    case PQS_OVERFLOW_SATURATE_HOLD:
        return (int64_t)(value < range.minimum ? range.minimum : range.maximum);
    case PQS_OVERFLOW_SATURATE_ZERO:
        return 0;
    case PQS_OVERFLOW_WRAP_SATURATED_BITS:
        bits = (pqs_wide)wrap_saturated_bits(reg, value);
        break;
    case PQS_OVERFLOW_SIGN_MAGNITUDE_WRAP:
        bits = (pqs_wide)sign_magnitude_wrap(reg, value, floor);
        break;
    default: /* WRAP; TRAP, whose result nobody sees */
        break;
    }
    return pqs_wrap(bits, reg->bits, reg->is_signed);
}

/* The range rule: the value itself where the register holds it. */
int64_t pqs_fit(const pqs_register *reg, pqs_range range, pqs_wide value, pqs_wide floor,
                int *overflows) {
    *overflows = value < range.minimum || value > range.maximum;
    return *overflows ? overflowed(reg, range, value, floor) : pqs_wrap64(value);
}
