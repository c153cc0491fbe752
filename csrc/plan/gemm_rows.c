/* Rows of a in words of a kernel. */
#include "plan/gemm.h"

#include <string.h>

#define CHUNK 256 /* elements that are widened at a time; even */

static void widen(const pqs_gemm_plan *plan, const char *from, size_t count, int16_t *to) {
    switch (plan->a_element) {
    case PQS_ELEMENT_UINT8:
        for (size_t i = 0; i < count; i++) to[i] = (uint8_t)from[i];
        break;
    case PQS_ELEMENT_INT8:
        for (size_t i = 0; i < count; i++) to[i] = (int8_t)from[i];
        break;
    default: memcpy(to, from, count * sizeof *to);
    }
}

#define GATHER(type)                                                                               \
    for (size_t i = 0; i < count; i++) to[i] = ((const type *)(const void *)row)[places[i]]

/* The elements of a row from k = first on, wherever they stand in it. */
static void fetch(const pqs_gemm_plan *plan, const char *row, size_t first, size_t count,
                  int16_t *to) {
    if (!plan->places) {
        widen(plan, row + first * pqs_gemm_element_bytes(plan), count, to);
        return;
    }
    const int32_t *const places = plan->places + first;
    switch (plan->a_element) {
    case PQS_ELEMENT_UINT8: GATHER(uint8_t); break;
    case PQS_ELEMENT_INT8: GATHER(int8_t); break;
    default: GATHER(int16_t);
    }
}

/* (a - za) * 2^shift. */
static void center(const pqs_gemm_plan *plan, const char *row, size_t first, size_t count,
                   int16_t *to) {
    const uint16_t zero_point = (uint16_t)plan->a_zero_point;
    fetch(plan, row, first, count, to);
    for (size_t i = 0; i < count; i++) {
        const uint32_t x = (uint16_t)(to[i] - zero_point);
        to[i] = (int16_t)(x << plan->a_shift);
    }
}

/* One k a word: each element where it stands in its pair, the other one 0. An odd k ends with a
 * word of 0. */
static void spread_row(const pqs_gemm_plan *plan, const char *row, uint32_t *words) {
    static const int16_t first_only[2] = {-1, 0};
    uint32_t keep;
    memcpy(&keep, first_only, sizeof keep);
    for (size_t first = 0; first < plan->k; first += CHUNK) {
        const size_t count = plan->k - first < CHUNK ? plan->k - first : CHUNK;
        int16_t wide[CHUNK];
        uint32_t pairs[CHUNK / 2];
        center(plan, row, first, count, wide);
        if (count % 2) wide[count] = 0;
        memcpy(pairs, wide, (count + count % 2) * sizeof *wide);
        for (size_t p = 0; p < pqs_over(count, 2); p++) {
            words[first + 2 * p] = pairs[p] & keep;
            words[first + 2 * p + 1] = pairs[p] & ~keep;
        }
    }
}

/* One k a word: each element in both halves. */
static void double_row(const pqs_gemm_plan *plan, const char *row, uint32_t *words) {
    for (size_t first = 0; first < plan->k; first += CHUNK) {
        const size_t count = plan->k - first < CHUNK ? plan->k - first : CHUNK;
        int16_t wide[CHUNK];
        center(plan, row, first, count, wide);
        for (size_t i = 0; i < count; i++) words[first + i] = (uint16_t)wide[i] * 0x10001u;
    }
}

static void gather_bytes(const pqs_gemm_plan *plan, const char *row, char *to) {
    for (size_t k = 0; k < plan->k; k++) to[k] = row[plan->places[k]];
}

/* For each k the table of its element, by its byte. */
static void tabulate_row(const pqs_gemm_plan *plan, size_t plane, const uint8_t *row, char *to) {
    const int8_t *const tables = (const int8_t *)plan->tables + plane * 256 * PQS_GEMM_PLACES;
    for (size_t k = 0; k < plan->k; k++)
        memcpy(to + k * PQS_GEMM_PLACES, tables + row[k] * PQS_GEMM_PLACES, PQS_GEMM_PLACES);
}

/* For each k the row of the tables that its byte has; what follows k has row 0. */
static void number_row(const pqs_gemm_plan *plan, const uint8_t *row, uint32_t *words) {
    for (size_t k = 0; k < plan->k; k++) words[k] = 1 + (uint32_t)row[k];
}

/* What follows k is 0 once it was flipped. */
static int pack_row(const pqs_gemm_plan *plan, const pqs_gemm_block *of, size_t plane,
                    const void *row, char *to) {
    const pqs_gemm_kernel *const kernel = of->kernel;
    if (plan->kind == PQS_GEMM_BITS) return pqs_gemm_bits_pack_row(plan, row, to);
    const size_t element = kernel->a_words * PQS_GEMM_WORD / kernel->b_elements,
                 used = plan->k * element;
    if (pqs_gemm_has_tables(plan)) {
        tabulate_row(plan, plane, row, to);
    } else if (pqs_gemm_is_lookup(plan)) {
        number_row(plan, row, (uint32_t *)(void *)to);
    } else if (plan->kind == PQS_GEMM_TOP_HALVES) {
        double_row(plan, row, (uint32_t *)(void *)to);
    } else if (plan->kind == PQS_GEMM_INT4) {
        memcpy(to, row, used);
    } else if (kernel->a_words == 2) {
        spread_row(plan, row, (uint32_t *)(void *)to);
    } else if (kernel->b_elements == 4 && plan->places) {
        gather_bytes(plan, row, to);
    } else if (kernel->b_elements == 4) {
        memcpy(to, row, used);
    } else if (pqs_gemm_is_grouped(plan)) {
        center(plan, row, 0, plan->k, (int16_t *)(void *)to);
    } else {
        widen(plan, row, plan->k, (int16_t *)(void *)to);
    }
    memset(to + used, (uint8_t)of->constants.a_flip, of->steps * of->a_step - used);
    return PQS_OK;
}

/* Words of the rows at hand: a's own, or packed into scratch. */
int pqs_gemm_pack_rows(const pqs_gemm_plan *plan, size_t plane, const char *rows, size_t a_stride,
                       void *scratch, pqs_gemm_block *now) {
    int status = PQS_OK;
    now->a = now->packs ? scratch : rows;
    for (size_t r = 0; now->packs && r < now->rows && status == PQS_OK; r++) {
        status = pack_row(plan, now, plane, rows + r * a_stride,
                          (char *)scratch + r * now->a_stride);
    }
    return status;
}
