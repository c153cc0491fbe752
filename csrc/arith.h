/* Integer words: widening, wrapping, arithmetic shifts, floor division; no undefined behaviour. */
#ifndef PQS_ARITH_H
#define PQS_ARITH_H

#include <stdint.h>

/* 128 bits hold every product of two int64 and every sum before its range rule. */
__extension__ typedef __int128 pqs_wide;
__extension__ typedef unsigned __int128 pqs_uwide;

_Static_assert((-1 >> 1) == -1, "signed right shifts are arithmetic");
_Static_assert((int64_t)UINT64_MAX == -1, "conversions to signed types wrap");

/* v mod 2^64 as int64. */
static inline int64_t pqs_wrap64(pqs_wide v) { return (int64_t)(uint64_t)v; }

/* v mod 2^bits, bits 1..64, as a signed or unsigned number. */
static inline int64_t pqs_wrap(pqs_wide v, int bits, int is_signed) {
    const uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    const uint64_t low = (uint64_t)v & mask;
    const uint64_t sign = is_signed ? (low >> (bits - 1)) & 1 : 0;
    return (int64_t)(low | (sign ? ~mask : 0));
}

/* v * 2^shift mod 2^128, shift >= 0. */
static inline pqs_wide pqs_shift_left(pqs_wide v, int shift) {
    return shift < 128 ? (pqs_wide)((pqs_uwide)v << shift) : 0;
}

/* floor(v / 2^shift), shift >= 0. */
static inline pqs_wide pqs_shift_right_floor(pqs_wide v, int shift) {
    return v >> (shift < 128 ? shift : 127);
}

/* floor(v / divisor), divisor >= 1. */
static inline pqs_wide pqs_divide_floor(pqs_wide v, int64_t divisor) {
    const pqs_wide quotient = v / divisor;
    return quotient - (v % divisor < 0);
}

/* -v mod 2^128. */
static inline pqs_wide pqs_negate(pqs_wide v) { return (pqs_wide)(0 - (pqs_uwide)v); }

/* x - y mod 2^64. */
static inline int64_t pqs_subtract64(int64_t x, int64_t y) {
    return (int64_t)((uint64_t)x - (uint64_t)y);
}

/* x * y mod 2^64. */
static inline int64_t pqs_multiply64(int64_t x, int64_t y) {
    return (int64_t)((uint64_t)x * (uint64_t)y);
}

#endif
