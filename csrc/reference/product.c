/* The K terms of one output: multiplied, shifted, looked up or added as logarithms. */
#include "reference/reference.h"

static uint64_t magnitude(int64_t v) { return v < 0 ? 0 - (uint64_t)v : (uint64_t)v; }

static int64_t sign_of(int64_t v) { return v < 0 ? -1 : 1; }

static int lowest_bit(uint64_t v) { return __builtin_ctzll(v); }

/* R(v) = round(v / 2^drop) */
static pqs_wide rounded(const pqs_product *product, pqs_wide v, pqs_draw draw) {
    return pqs_round_quotient(v, 1, product->drop, &product->rounding, draw).rounded;
}

/* The shifting operand is s * sum of 2^e over its set bits; x is the other one. Both shifting:
 * x is the sign of a, and every pair of powers is one power, its exponents added.
 *   before:  sum R(s * x * 2^e)      after:  s * sum R(x * 2^e)      per sum:  R(s * x * sum 2^e)
 * A zero code has no powers. */
static int64_t shift_term(const pqs_product *product, int64_t a, int64_t b, pqs_draw draw) {
    const int both = product->shifting == PQS_SHIFTING_BOTH;
    const int64_t shifting = product->shifting == PQS_SHIFTING_A ? a : b;
    const int64_t other = product->shifting == PQS_SHIFTING_A ? b : a;
    const int64_t s = sign_of(shifting), x = both ? sign_of(other) : other;
    const pqs_wide shifted = product->sign_before || product->per_sum ? (pqs_wide)x * s : x;

    pqs_wide sum = 0;
    int any = 0;
    for (uint64_t outer = both ? magnitude(other) : 1; outer; outer &= outer - 1) {
        for (uint64_t inner = magnitude(shifting); inner; inner &= inner - 1) {
            const pqs_wide v = pqs_shift_left(shifted, lowest_bit(outer) + lowest_bit(inner));
            const pqs_wide term = product->per_sum ? v : rounded(product, v, draw);
            sum = (pqs_wide)((pqs_uwide)sum + (pqs_uwide)term);
            any = 1;
            draw.tag++;
        }
    }
    if (product->per_sum) {
        draw.tag = PQS_PRODUCT_TAG;
        return any ? pqs_wrap64(rounded(product, sum, draw)) : 0;
    }
    return pqs_wrap64(product->sign_before || s > 0 ? sum : pqs_negate(sum));
}

/* (e_a + e_b) * 2^G for a = +-2^e_a, b = +-2^e_b with the sign asked for; else -1, nothing */
static int64_t log_term(const pqs_product *product, int64_t a, int64_t b) {
    if (a == 0 || b == 0 || ((a < 0) != (b < 0)) != (product->negative != 0)) return -1;
    const int64_t exponent = lowest_bit(magnitude(a)) + lowest_bit(magnitude(b));
    return exponent << product->guard_bits;
}

/* terms[slot] for one row of a and one column of b; a hole is exactly 0. */
void pqs_products(const pqs_product *product, size_t slots, const int64_t *order,
                  const int64_t *a, const int64_t *b, int64_t a_zero_point, int64_t b_zero_point,
                  int64_t m, int64_t n, int64_t *terms) {
    for (size_t slot = 0; slot < slots; slot++) {
        const int64_t k = order ? order[slot] : (int64_t)slot;
        if (k < 0) {
            terms[slot] = 0;
            continue;
        }
        const int64_t x = pqs_subtract64(a[k], a_zero_point);
        const int64_t y = pqs_subtract64(b[k], b_zero_point);
        if (product->kind == PQS_PRODUCT_MULTIPLY) {
            terms[slot] = pqs_multiply64(x, y);
        } else if (product->kind == PQS_PRODUCT_SHIFT) {
            const pqs_draw draw = {(int64_t)slot, n, m, PQS_PRODUCT_TAG};
            terms[slot] = shift_term(product, x, y, draw);
        } else if (product->kind == PQS_PRODUCT_ADD_LOGS) {
            terms[slot] = log_term(product, x, y);
        } else {
            const size_t layer = product->table_k ? (size_t)k * product->table_a : 0;
            terms[slot] = product->table[(layer + (size_t)x) * product->table_b + (size_t)y];
        }
    }
}
