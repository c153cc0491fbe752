/* Operands of two values each: products of bits.
 *
 * With a = a0 + da * A and b = b0 + db * B, A and B bits,
 *   sum(a * b) = K * a0 * b0 + a0 * db * sum(B) + da * b0 * sum(A) + da * db * count(A and B),
 * and, where b0 = -b1, with 2 * count(A and B) = sum(A) + sum(B) - count(A xor B),
 *   sum(a * b) = b1 * ((a0 + a1) * sum(B) - K * a0 - da * count(A xor B)).
 * All mod 2^32. */
#include "plan/gemm.h"

#include <string.h>

typedef struct {
    uint32_t a0, a1, b0, b1;
} values;

static values values_of(const pqs_gemm_plan *plan) {
    return (values){(uint32_t)plan->a_values[0], (uint32_t)plan->a_values[1],
                    (uint32_t)plan->b_values[0], (uint32_t)plan->b_values[1]};
}

int pqs_gemm_bits_differ(const pqs_gemm_plan *plan) {
    const values x = values_of(plan);
    return x.b0 + x.b1 == 0;
}

uint32_t pqs_gemm_bits_factor(const pqs_gemm_plan *plan) {
    const values x = values_of(plan);
    const uint32_t da = x.a1 - x.a0;
    return pqs_gemm_bits_differ(plan) ? 0u - da * x.b1 : da * (x.b1 - x.b0);
}

int32_t pqs_gemm_bits_start(const pqs_gemm_plan *plan, const int64_t *b) {
    const values x = values_of(plan);
    const uint32_t k = (uint32_t)plan->k;
    uint32_t ones = 0;
    for (size_t i = 0; i < plan->k; i++) ones += b[i] == plan->b_values[1];
    const uint32_t start = pqs_gemm_bits_differ(plan)
                               ? x.b1 * ((x.a0 + x.a1) * ones - k * x.a0)
                               : x.a0 * (k * x.b0 + (x.b1 - x.b0) * ones);
    return (int32_t)start;
}

uint32_t pqs_gemm_bits_word(const pqs_gemm_plan *plan, const int64_t *b, size_t count) {
    uint32_t word = 0;
    for (size_t i = 0; i < count; i++) word |= (uint32_t)(b[i] == plan->b_values[1]) << i;
    return word;
}

int pqs_gemm_bits_pack_row(const pqs_gemm_plan *plan, const char *row, char *to) {
    return pqs_pack_bits_for(plan->isa)(plan->k, row, (uint8_t)plan->a_mask,
                                        (uint8_t)plan->a_codes[0], (uint8_t)plan->a_codes[1], to)
               ? PQS_OK
               : PQS_ERROR_OPERAND;
}

static uint32_t ones_of_row(const char *words, size_t steps) {
    uint32_t ones = 0;
    for (size_t i = 0; i < steps; i++) {
        uint32_t word;
        memcpy(&word, words + i * sizeof word, sizeof word);
        for (; word; word &= word - 1) ones++;
    }
    return ones;
}

void pqs_gemm_bits_add_rows(const pqs_gemm_plan *plan, const pqs_gemm_block *now) {
    const values x = values_of(plan);
    const uint32_t factor = (x.a1 - x.a0) * x.b0;
    if (pqs_gemm_bits_differ(plan) || !factor) return;
    for (size_t row = 0; row < now->rows; row++) {
        const uint32_t addend = factor * ones_of_row(now->a + row * now->a_stride, now->steps);
        int32_t *const out = now->out + row * now->out_stride;
        for (size_t i = 0; i < now->n; i++) out[i] = (int32_t)((uint32_t)out[i] + addend);
    }
}
