/* Round an exact quotient once: by a table of 16 cases, or stochastically. */
#include "reference/reference.h"

enum remainder_class { REMAINDER_ZERO = 0, BELOW_HALF = 1, HALF = 2, ABOVE_HALF = 3 };

static enum remainder_class compare(pqs_uwide part, pqs_uwide half, int rest) {
    if (part > half) return ABOVE_HALF;
    if (part == half) return rest ? ABOVE_HALF : HALF;
    return part || rest ? BELOW_HALF : REMAINDER_ZERO;
}

/* numerator = ((floor * 2^shift) + dropped) * divisor + remainder, 0 <= dropped < 2^shift,
 * 0 <= remainder < divisor. The fraction (dropped * divisor + remainder) / (divisor * 2^shift)
 * compares with 1/2 as dropped does with 2^(shift-1), remainder deciding a draw; without a shift
 * as remainder does with divisor / 2. */
static pqs_quotient divide(pqs_wide numerator, int64_t divisor, int shift,
                           enum remainder_class *remainder_class) {
    const pqs_wide quotient = divisor == 1 ? numerator : pqs_divide_floor(numerator, divisor);
    const pqs_uwide remainder = (pqs_uwide)numerator - (pqs_uwide)quotient * (pqs_uwide)divisor;
    pqs_quotient result;

    if (shift == 0) {
        result.floor = quotient;
        *remainder_class = compare(2 * remainder, (pqs_uwide)divisor, 0);
    } else if (shift <= 127) {
        result.floor = pqs_shift_right_floor(quotient, shift);
        const pqs_uwide dropped = (pqs_uwide)quotient - ((pqs_uwide)result.floor << shift);
        *remainder_class = compare(dropped, (pqs_uwide)1 << (shift - 1), remainder != 0);
    } else { /* |numerator| <= 2^126 is less than half of 2^shift */
        result.floor = quotient < 0 ? -1 : 0;
        *remainder_class = quotient < 0                    ? ABOVE_HALF
                           : quotient > 0 || remainder > 0 ? BELOW_HALF
                                                           : REMAINDER_ZERO;
    }
    result.rounded = result.floor;
    return result;
}

/* R: the top `shift` bits of word1:word0, the lower ones of them 0 where fewer are drawn. */
static pqs_uwide random_addend(const pqs_rounding *rounding, int shift, pqs_draw draw) {
    const int drawn = rounding->random_bits < shift ? rounding->random_bits : shift;
    if (drawn == 0) return 0;
    const uint64_t word = pqs_random_word(rounding->seed, draw);
    return (pqs_uwide)pqs_shift_left((pqs_wide)(word >> (64 - drawn)), shift - drawn);
}

/* round(numerator / (divisor * 2^shift)) */
pqs_quotient pqs_round_quotient(pqs_wide numerator, int64_t divisor, int shift,
                                const pqs_rounding *rounding, pqs_draw draw) {
    if (shift < 0) {
        numerator = pqs_shift_left(numerator, -shift);
        shift = 0;
    }
    if (divisor == 1 && shift == 0) return (pqs_quotient){numerator, numerator};

    if (rounding->stochastic) {
        const pqs_uwide sum = (pqs_uwide)numerator + random_addend(rounding, shift, draw);
        return (pqs_quotient){pqs_shift_right_floor((pqs_wide)sum, shift),
                              pqs_shift_right_floor(numerator, shift)};
    }

    enum remainder_class remainder_class;
    pqs_quotient result = divide(numerator, divisor, shift, &remainder_class);
    const int negative = numerator < 0, odd = (int)(result.floor & 1);
    result.rounded += rounding->table >> (8 * negative + 4 * odd + (int)remainder_class) & 1;
    return result;
}
