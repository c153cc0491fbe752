/* Places of 4 bits among sixteen integers, or in tables. */
#include "plan/gemm.h"

#include <string.h>

#define BYTES 256
#define NOWHERE PQS_GEMM_PLACES

int pqs_gemm_int4_fits(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    const int8_t *const integers = plan->tables;
    for (int i = 0; kernel->reach && i < PQS_GEMM_PLACES; i++) {
        if (integers[i] < -kernel->reach || integers[i] > kernel->reach) return 0;
    }
    return 1;
}

int pqs_gemm_sixteen(size_t n, size_t k, const int64_t *b, size_t b_stride, int8_t *integers) {
    if (!integers || (!b && n)) return 0;
    uint8_t occurs[BYTES] = {0};
    int count = 0;
    for (size_t column = 0; column < n; column++) {
        for (size_t i = 0; i < k; i++) {
            const uint64_t at = (uint64_t)b[column * b_stride + i] + BYTES / 2;
            if (at >= BYTES) return 0;
            if (occurs[at]) continue;
            if (count == PQS_GEMM_PLACES) return 0;
            occurs[at] = 1;
            count++;
        }
    }
    for (int at = 0, place = 0; at < BYTES; at++) {
        if (!occurs[at]) continue;
        memset(integers + place, at - BYTES / 2, (size_t)(PQS_GEMM_PLACES - place));
        place++;
    }
    return count;
}

void pqs_gemm_int4_places(const pqs_gemm_plan *plan, uint8_t *places) {
    const int8_t *const integers = plan->tables;
    memset(places, NOWHERE, BYTES);
    for (uint8_t i = 0; i < PQS_GEMM_PLACES; i++) {
        places[(plan->kind == PQS_GEMM_INT4 ? integers[i] : i) + BYTES / 2] = i;
    }
}

/* Up to 8 k; those that are missing have place 0. */
static inline int pack_word(const uint8_t *places, const int64_t *b, size_t count, int64_t offset,
                            char *word) {
    uint8_t found[2 * PQS_GEMM_WORD] = {0}, all = 0, bytes[PQS_GEMM_WORD];
    for (size_t i = 0; i < count; i++) {
        const uint64_t at = (uint64_t)(b[i] - offset) + BYTES / 2;
        found[i] = at < BYTES ? places[at] : NOWHERE;
        all |= found[i];
    }
    for (size_t i = 0; i < PQS_GEMM_WORD; i++) {
        bytes[i] = (uint8_t)(found[i] | found[i + PQS_GEMM_WORD] << 4);
    }
    memcpy(word, bytes, PQS_GEMM_WORD);
    return all < NOWHERE;
}

/* Beyond k any place will do: a and its tables are 0 there. */
int pqs_gemm_int4_pack(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel,
                       const uint8_t *places, const int64_t *b, int64_t offset, char *words) {
    const size_t elements = 2 * PQS_GEMM_WORD, step_bytes = kernel->columns * PQS_GEMM_WORD;
    const size_t tail = plan->k % elements;
    int found = 1;
    for (size_t left = plan->k; found && left >= elements; left -= elements) {
        found = pack_word(places, b, elements, offset, words);
        b += elements;
        words += step_bytes;
    }
    if (found && tail) found = pack_word(places, b, tail, offset, words);
    return found ? PQS_OK : PQS_ERROR_OPERAND;
}
