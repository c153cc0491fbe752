/* Places of 4 bits among sixteen integers. */
#include "plan/gemm.h"

#include <string.h>

#define NOWHERE PQS_GEMM_PLACES

int pqs_gemm_int4_fits(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    const int8_t *const integers = plan->tables;
    for (int i = 0; kernel->reach && i < PQS_GEMM_PLACES; i++) {
        if (integers[i] < -kernel->reach || integers[i] > kernel->reach) return 0;
    }
    return 1;
}

static uint8_t place_of(const pqs_gemm_plan *plan, int64_t integer) {
    const int8_t *const integers = plan->tables;
    uint8_t place = 0;
    while (place < PQS_GEMM_PLACES && integers[place] != integer) place++;
    return place;
}

/* Beyond k any place will do: a is 0 there. */
int pqs_gemm_int4_pack(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel, const int64_t *b,
                       int64_t offset, char *words) {
    for (size_t first = 0; first < plan->k; first += kernel->b_elements) {
        const size_t left = plan->k - first, half = kernel->b_elements / 2;
        uint8_t bytes[PQS_GEMM_WORD] = {0};
        for (size_t i = 0; i < left && i < kernel->b_elements; i++) {
            const uint8_t place = place_of(plan, b[first + i] - offset);
            if (place == NOWHERE) return PQS_ERROR_OPERAND;
            bytes[i % half] |= (uint8_t)(i < half ? place : place << 4);
        }
        memcpy(words, bytes, sizeof bytes);
        words += kernel->columns * PQS_GEMM_WORD;
    }
    return PQS_OK;
}
