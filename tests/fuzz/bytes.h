/* From the fuzzer's bytes to the library's structs: mostly what the header allows, now and then
 * anything at all, which the doors must refuse. */
#ifndef FUZZ_BYTES_H
#define FUZZ_BYTES_H

#include "pyqsim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *at;
    size_t left;
} bytes;

/* 0 where the input has ended. */
static inline uint8_t next_byte(bytes *in) {
    if (!in->left) return 0;
    in->left--;
    return *in->at++;
}

static inline uint64_t next_word(bytes *in, int size) {
    uint64_t word = 0;
    for (int i = 0; i < size; i++) word = word << 8 | next_byte(in);
    return word;
}

/* low..high, both included */
static inline int64_t pick(bytes *in, int64_t low, int64_t high) {
    const uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    const uint64_t word = next_word(in, span <= 256 ? 1 : span <= 65536 ? 2 : 8);
    return (int64_t)((uint64_t)low + (span ? word % span : word));
}

/* One time in 32 the members are garbage. */
static inline int is_garbage(bytes *in) { return pick(in, 0, 31) == 31; }

/* Small numbers, corners, any number. */
static inline int64_t pick_integer(bytes *in) {
    static const int64_t corners[] = {0, 1, -1, 127, -128, 255, INT32_MAX, INT32_MIN, INT64_MAX,
                                      INT64_MIN, INT64_C(1) << 62, -(INT64_C(1) << 62)};
    switch (pick(in, 0, 3)) {
    case 0: return (int8_t)next_byte(in);
    case 1: return corners[pick(in, 0, sizeof corners / sizeof *corners - 1)];
    case 2: return (int16_t)next_word(in, 2);
    default: return (int64_t)next_word(in, 8);
    }
}

static inline pqs_register pick_register(bytes *in) {
    pqs_register reg;
    if (is_garbage(in)) {
        for (size_t i = 0; i < sizeof reg; i++) ((uint8_t *)&reg)[i] = next_byte(in);
        return reg;
    }
    reg.is_signed = next_byte(in) % 4 != 0;
    reg.overflow = (int32_t)pick(in, 0, 7);
    if (!reg.is_signed && (reg.overflow == PQS_OVERFLOW_SATURATE_SYMMETRIC ||
                           reg.overflow == PQS_OVERFLOW_SIGN_MAGNITUDE_WRAP)) {
        reg.is_signed = 1;
    }
    reg.bits = (int32_t)pick(in, 0, 64);
    if (reg.bits == 1) reg.bits = 0;
    if (!reg.is_signed && reg.bits == 64) reg.bits = 63;
    reg.saturated_bits = reg.bits ? (int32_t)pick(in, 0, reg.bits) : 0;
    return reg;
}

static inline pqs_rounding pick_rounding(bytes *in) {
    static const uint32_t named[] = {0x0000, 0xEEEE, 0xEE00, 0x00EE, 0xCCCC, 0x8888, 0x88CC,
                                     0xCC88, 0xC8C8, 0x8C8C, 0x0E0E, 0xFF00, 0x0F0F, 0xCCC8};
    pqs_rounding rounding = {.random_bits = 64};
    if (is_garbage(in)) {
        for (size_t i = 0; i < sizeof rounding; i++) ((uint8_t *)&rounding)[i] = next_byte(in);
        return rounding;
    }
    rounding.table = next_byte(in) % 2 ? (uint32_t)next_word(in, 2)
                                       : named[pick(in, 0, sizeof named / sizeof *named - 1)];
    if (next_byte(in) % 8 == 7) {
        rounding.stochastic = 1;
        rounding.random_bits = (int32_t)pick(in, 0, 64);
        rounding.seed = next_word(in, 8);
    }
    return rounding;
}

static inline pqs_narrow pick_narrow(bytes *in) {
    pqs_narrow step = {.multiplier = 1, .divisor = 1};
    step.rounding = pick_rounding(in);
    step.range = pick_register(in);
    if (next_byte(in) % 4 == 3) step.multiplier = pick_integer(in);
    if (next_byte(in) % 4 == 3) step.divisor = pick_integer(in);
    step.shift = (int32_t)(next_byte(in) % 4 == 3 ? pick(in, -128, 129) : pick(in, 0, 8));
    return step;
}

/* Memory of exactly this size: one byte too far is seen. Its first bytes are not zero. */
static inline void *exactly(size_t count, size_t size) {
    void *const memory = malloc(count * size ? count * size : 1);
    if (!memory) abort();
    memset(memory, 0x5A, count * size < 4096 ? count * size : 4096);
    return memory;
}

static inline void require(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "MISMATCH: %s\n", what);
    abort();
}

#endif
