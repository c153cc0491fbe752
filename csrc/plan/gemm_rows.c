/* Rows of a in words of a kernel. */
#include "plan/gemm.h"

#include <string.h>

static int16_t element(const pqs_gemm_plan *plan, const void *row, size_t k) {
    switch (plan->a_element) {
    case PQS_ELEMENT_UINT8: return ((const uint8_t *)row)[k];
    case PQS_ELEMENT_INT8: return ((const int8_t *)row)[k];
    default: return ((const int16_t *)row)[k];
    }
}

static void widen_row(const pqs_gemm_plan *plan, const void *row, int16_t *to) {
    const size_t k = plan->k;
    switch (plan->a_element) {
    case PQS_ELEMENT_UINT8:
        for (size_t i = 0; i < k; i++) to[i] = ((const uint8_t *)row)[i];
        break;
    case PQS_ELEMENT_INT8:
        for (size_t i = 0; i < k; i++) to[i] = ((const int8_t *)row)[i];
        break;
    default: memcpy(to, row, k * sizeof *to);
    }
}

/* One k a word: in the low half for even k, in the high half for odd k. */
static void spread_row(const pqs_gemm_plan *plan, const void *row, uint32_t *to) {
    for (size_t k = 0; k < plan->k; k++) {
        const int32_t x = element(plan, row, k) - plan->a_zero_point;
        const uint32_t value = (uint16_t)(x * (1 << plan->a_shift));
        to[k] = value << 16 * (k % 2);
    }
}

/* For each k the table of its element, by its byte. */
static void tabulate_row(const pqs_gemm_plan *plan, size_t plane, const uint8_t *row, char *to) {
    const int8_t *const tables = plan->tables + plane * 256 * PQS_GEMM_PLACES;
    for (size_t k = 0; k < plan->k; k++)
        memcpy(to + k * PQS_GEMM_PLACES, tables + row[k] * PQS_GEMM_PLACES, PQS_GEMM_PLACES);
}

static void pack_row(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel, size_t plane,
                     const void *row, char *to) {
    const size_t element = kernel->a_words * PQS_GEMM_WORD / kernel->b_elements,
                 used = plan->k * element;
    if (plan->kind == PQS_GEMM_TABLE) {
        tabulate_row(plan, plane, row, to);
    } else if (kernel->a_words == 2) {
        spread_row(plan, row, (uint32_t *)(void *)to);
    } else if (kernel->b_elements == 4) {
        memcpy(to, row, used);
    } else {
        widen_row(plan, row, (int16_t *)(void *)to);
    }
    memset(to + used, 0, pqs_gemm_steps(plan, kernel) * kernel->a_words * PQS_GEMM_WORD - used);
}

/* Words of the rows at hand: a's own, or packed into scratch. */
void pqs_gemm_pack_rows(const pqs_gemm_plan *plan, size_t plane, const char *rows, size_t a_stride,
                        void *scratch, pqs_gemm_block *now) {
    now->a = now->packs ? scratch : rows;
    for (size_t r = 0; now->packs && r < now->rows; r++) {
        pack_row(plan, now->kernel, plane, rows + r * a_stride,
                 (char *)scratch + r * now->a_stride);
    }
}
