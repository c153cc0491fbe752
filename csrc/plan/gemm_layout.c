/* Sizes of packed operands; b in panels. */
#include "plan/gemm.h"

#include <string.h>

#define LINE 64
#define BLOCK_BYTES 98304 /* of a's words in one block: a tenth of the second cache */
#define BLOCK_TILES 16

size_t pqs_gemm_steps(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    return pqs_over(plan->k, kernel->b_elements);
}

size_t pqs_gemm_panels(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    return pqs_over(plan->n, kernel->columns);
}

size_t pqs_gemm_element_bytes(const pqs_gemm_plan *plan) {
    return plan->a_element == PQS_ELEMENT_INT16 ? 2 : 1;
}

/* Of a row of packed a; a line more than it needs, so that rows do not share cache sets. */
size_t pqs_gemm_row_bytes(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    const size_t bytes = pqs_gemm_steps(plan, kernel) * kernel->a_words * PQS_GEMM_WORD;
    return pqs_over(bytes, LINE) * LINE + LINE;
}

/* Rows of a that meet all of b before the next rows do: whole tiles. */
size_t pqs_gemm_block_rows(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    const size_t tiles = BLOCK_BYTES / (pqs_gemm_row_bytes(plan, kernel) * PQS_GEMM_ROWS);
    return PQS_GEMM_ROWS * (tiles < 1 ? 1 : tiles < BLOCK_TILES ? tiles : BLOCK_TILES);
}

/* Whether a's own rows are words of the kernel: its elements, and no part of a word at the end. */
int pqs_gemm_takes_rows(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    return !plan->places && !(pqs_gemm_is_grouped(plan) && plan->a_zero_point) &&
           pqs_gemm_element_bytes(plan) * kernel->b_elements == kernel->a_words * PQS_GEMM_WORD &&
           plan->k % kernel->b_elements == 0;
}

int pqs_gemm_is_lookup(const pqs_gemm_plan *plan) {
    return plan->kind >= PQS_GEMM_GATHER && plan->kind <= PQS_GEMM_PERMUTE_CLAMP;
}

int pqs_gemm_clamps(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_CLAMP || plan->kind == PQS_GEMM_GATHER_CLAMP ||
           plan->kind == PQS_GEMM_PERMUTE_CLAMP;
}

/* Entries from row to row of a lookup's tables. */
size_t pqs_gemm_width(const pqs_gemm_plan *plan) {
    const size_t entries = (size_t)plan->entries;
    const int whole = plan->kind == PQS_GEMM_PERMUTE || plan->kind == PQS_GEMM_PERMUTE_CLAMP;
    return !whole ? entries : entries <= 64 ? 64 : entries <= 128 ? 128 : 256;
}

static int is_bytes(const pqs_gemm_plan *plan) {
    return pqs_gemm_takes_offsets(plan) || pqs_gemm_has_tables(plan) ||
           plan->kind == PQS_GEMM_PAIR || plan->kind == PQS_GEMM_BITS ||
           pqs_gemm_is_lookup(plan);
}

int pqs_gemm_is_grouped(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_GROUP || plan->kind == PQS_GEMM_GROUP_CLAMP ||
           plan->kind == PQS_GEMM_GROUP_TOP;
}

/* Elements of a row of a. */
size_t pqs_gemm_row_length(const pqs_gemm_plan *plan) {
    return plan->places ? plan->row_length : plan->k;
}

static int places_are_valid(const pqs_gemm_plan *plan) {
    for (size_t k = 0; plan->places && k < plan->k; k++) {
        if (plan->places[k] < 0 || (size_t)plan->places[k] >= plan->row_length) return 0;
    }
    return 1;
}

/* Whether a sum, not that of a group, stands at the top of the lane. */
int pqs_gemm_is_top(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_TOP || plan->kind == PQS_GEMM_TOP_HALVES;
}

static int has_top(const pqs_gemm_plan *plan) {
    return pqs_gemm_is_top(plan) || plan->kind == PQS_GEMM_GROUP_TOP;
}

/* Bits of the accumulator at the top of the lane. */
static int top_bits(const pqs_gemm_plan *plan) {
    return pqs_gemm_is_top(plan) ? plan->bits : plan->group_bits;
}

int pqs_gemm_b_shift(const pqs_gemm_plan *plan) {
    const int lane = plan->kind == PQS_GEMM_TOP_HALVES ? 31 : 32; /* twice half a product */
    return has_top(plan) ? lane - top_bits(plan) - plan->a_shift : 0;
}

static int valid_tables(const pqs_gemm_plan *plan) {
    const int held = plan->entries >= 1 && plan->entries <= 256;
    switch (plan->kind) {
    case PQS_GEMM_INT4: return plan->tables != NULL;
    case PQS_GEMM_TABLE:
    case PQS_GEMM_TABLE4: return plan->tables && plan->planes >= 1 && plan->planes <= 2;
    case PQS_GEMM_GATHER:
    case PQS_GEMM_GATHER_CLAMP: return plan->tables && held;
    case PQS_GEMM_PERMUTE: return plan->tables && held && plan->planes >= 1 && plan->planes <= 4;
    case PQS_GEMM_PERMUTE_CLAMP:
        return plan->tables && held && (plan->planes == 2 || plan->planes == 4);
    default: return 1;
    }
}

static int valid(const pqs_gemm_plan *plan) {
    return plan->k >= 1 && plan->a_element >= PQS_ELEMENT_UINT8 &&
           plan->a_element <= PQS_ELEMENT_INT16 &&
           !(is_bytes(plan) && plan->a_element == PQS_ELEMENT_INT16) &&
           valid_tables(plan) &&
           (plan->kind != PQS_GEMM_BITS || (plan->a_mask >= 1 && plan->a_mask <= 255)) &&
           (pqs_gemm_clamps(plan) || (plan->bits >= 1 && plan->bits <= 32)) &&
           (plan->kind != PQS_GEMM_PAIR ||
            (plan->a_element == PQS_ELEMENT_UINT8 && plan->a_zero_point == 0)) &&
           (!plan->places || !(pqs_gemm_is_sum(plan) || pqs_gemm_has_tables(plan) ||
                               plan->kind == PQS_GEMM_BITS || pqs_gemm_is_lookup(plan))) &&
           (!pqs_gemm_is_grouped(plan) || (plan->group >= 2 && plan->group % 2 == 0)) &&
           (!has_top(plan) ||
            (top_bits(plan) >= 2 && plan->a_shift >= 0 && plan->a_shift <= 15 &&
             pqs_gemm_b_shift(plan) >= 0 && pqs_gemm_b_shift(plan) <= 15));
}

const pqs_gemm_kernel *pqs_gemm_kernel_of(const pqs_gemm_plan *plan, int *isa) {
    int found = PQS_ISA_AUTO;
    const pqs_gemm_kernel *const kernel =
        valid(plan) ? pqs_gemm_for(plan->kind, plan->isa, &found) : NULL;
    if (!kernel || !pqs_gemm_int4_fits(plan, kernel)) return NULL;
    if (isa) *isa = found;
    return kernel;
}

int pqs_gemm_isa(const pqs_gemm_plan *plan) {
    int isa = PQS_ISA_AUTO;
    if (plan) pqs_gemm_kernel_of(plan, &isa);
    return isa;
}

void pqs_gemm_sizes(const pqs_gemm_plan *plan, size_t *panels, size_t *start, size_t *scratch) {
    const pqs_gemm_kernel *const kernel = pqs_gemm_kernel_of(plan, NULL);
    *panels = *start = *scratch = 0;
    if (!kernel) return;
    *start = pqs_gemm_panels(plan, kernel) * kernel->columns;
    *panels = *start * pqs_gemm_steps(plan, kernel) * PQS_GEMM_WORD;
    *scratch = pqs_gemm_takes_rows(plan, kernel)
                   ? 0
                   : pqs_gemm_block_rows(plan, kernel) * pqs_gemm_row_bytes(plan, kernel);
}

uint32_t pqs_gemm_a_flip(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    if (plan->kind == PQS_GEMM_BITS) return pqs_gemm_bits_differ(plan) ? ~0u : 0;
    const int is_signed = plan->a_element != PQS_ELEMENT_UINT8;
    return pqs_gemm_takes_offsets(plan) && is_signed != kernel->a_signed ? 0x80808080u : 0;
}

/* One column of a lookup's panel: a byte every `columns` bytes; beyond k any place will do. */
static void pack_places(const pqs_gemm_plan *plan, size_t columns, const int64_t *b, size_t bytes,
                        char *to) {
    for (size_t k = 0; k < bytes / columns; k++) {
        const int64_t place = b && k < plan->k ? b[k] : 0;
        to[k * columns] = (char)(uint8_t)place;
    }
}

/* One column of a panel: a word every `columns` words. */
static void pack_column(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel, const int64_t *b,
                        int64_t offset, char *words) {
    const size_t elements = kernel->b_elements, step_bytes = kernel->columns * PQS_GEMM_WORD;
    const int64_t factor = INT64_C(1) << pqs_gemm_b_shift(plan);
    for (size_t first = 0; first < plan->k; first += elements) {
        const size_t count = plan->k - first < elements ? plan->k - first : elements;
        int8_t bytes[4] = {0};
        int16_t pair[2] = {0};
        if (plan->kind == PQS_GEMM_TABLE) {
            for (size_t i = 0; i < elements; i++) { /* beyond k: the tables are 0 */
                bytes[i] = (int8_t)((i < count ? b[first + i] : 0) + PQS_GEMM_PLACES * (int64_t)i);
            }
            memcpy(words, bytes, PQS_GEMM_WORD);
        } else if (plan->kind == PQS_GEMM_BITS) {
            const uint32_t bits = pqs_gemm_bits_word(plan, b + first, count);
            memcpy(words, &bits, PQS_GEMM_WORD);
        } else if (elements == 4) {
            for (size_t i = 0; i < count; i++) bytes[i] = (int8_t)(b[first + i] - offset);
            memcpy(words, bytes, PQS_GEMM_WORD);
        } else {
            for (size_t i = 0; i < count; i++) pair[i] = (int16_t)(b[first + i] * factor);
            if (elements == 1) pair[1] = pair[0];
            memcpy(words, pair, PQS_GEMM_WORD);
        }
        words += step_bytes;
    }
}

int pqs_gemm_is_sum(const pqs_gemm_plan *plan) {
    return pqs_gemm_takes_offsets(plan) || plan->kind == PQS_GEMM_INT16;
}

/* Whether a's words are small tables, in one or two planes. */
int pqs_gemm_has_tables(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_TABLE || plan->kind == PQS_GEMM_TABLE4;
}

int pqs_gemm_has_four_bits(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_INT4 || plan->kind == PQS_GEMM_TABLE4;
}

/* Whether b is int8 less an offset of each column. */
int pqs_gemm_takes_offsets(const pqs_gemm_plan *plan) {
    return plan->kind == PQS_GEMM_INT8 || plan->kind == PQS_GEMM_INT4;
}

/* What the lanes' a are too large by. */
uint32_t pqs_gemm_a_offset(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel) {
    if (!pqs_gemm_is_sum(plan)) return 0;
    const uint32_t zero_point = (uint32_t)plan->a_zero_point;
    if (!pqs_gemm_a_flip(plan, kernel)) return zero_point;
    return zero_point + (kernel->a_signed ? (uint32_t)-128 : 128u);
}

/* sum((a - za) * b) = sum((a + f) * (b - o)) + o * sum(a + f) - (za + f) * sum(b), where a flip adds
 * f = 128 to every a, or -128 where the kernel's bytes are signed, and o is the column's offset: its
 * product is added row by row. */
int32_t pqs_gemm_start_of(const pqs_gemm_plan *plan, const pqs_gemm_kernel *kernel,
                          const int64_t *b) {
    if (plan->kind == PQS_GEMM_PERMUTE) { /* entries are terms less minimum */
        const size_t entries = pqs_gemm_steps(plan, kernel) * kernel->b_elements;
        return (int32_t)((uint32_t)entries * (uint32_t)plan->minimum);
    }
    if (plan->kind == PQS_GEMM_BITS) return pqs_gemm_bits_start(plan, b);
    uint32_t sum = 0;
    for (size_t k = 0; k < plan->k; k++) sum += (uint32_t)b[k];
    return (int32_t)(0u - pqs_gemm_a_offset(plan, kernel) * sum);
}

int pqs_gemm_pack(const pqs_gemm_plan *plan, const int64_t *b, size_t b_stride, void *panels,
                  int32_t *start) {
    if (!plan || (!b && plan->n) || !panels || !start) return PQS_ERROR_NULL;
    const pqs_gemm_kernel *const kernel = pqs_gemm_kernel_of(plan, NULL);
    if (!kernel) return PQS_ERROR_NO_KERNEL;
    if (!places_are_valid(plan)) return PQS_ERROR_OPERAND;
    uint8_t integers[256] = {0};
    if (pqs_gemm_has_four_bits(plan)) pqs_gemm_int4_places(plan, integers);
    const size_t panel_bytes = pqs_gemm_steps(plan, kernel) * kernel->columns * PQS_GEMM_WORD;
    for (size_t column = 0; column < pqs_gemm_panels(plan, kernel) * kernel->columns; column++) {
        const int64_t *const own = column < plan->n ? b + column * b_stride : NULL;
        const size_t at = column % kernel->columns;
        char *const panel = (char *)panels + column / kernel->columns * panel_bytes;
        char *const words = panel + at * PQS_GEMM_WORD;
        if (pqs_gemm_is_lookup(plan)) {
            pack_places(plan, kernel->columns, own, panel_bytes, panel + at);
        } else if (own) {
            const int has_offset = pqs_gemm_takes_offsets(plan) && plan->b_offsets;
            const int32_t offset = has_offset ? plan->b_offsets[column] : 0;
            if (!pqs_gemm_has_four_bits(plan)) {
                pack_column(plan, kernel, own, offset, words);
            } else if (pqs_gemm_int4_pack(plan, kernel, integers, own, offset, words) != PQS_OK) {
                return PQS_ERROR_OPERAND;
            }
        } else {
            for (size_t i = 0; i < pqs_gemm_steps(plan, kernel); i++) {
                memset(words + i * kernel->columns * PQS_GEMM_WORD, 0, PQS_GEMM_WORD);
            }
        }
        start[column] = own ? pqs_gemm_start_of(plan, kernel, own) : 0;
    }
    return PQS_OK;
}
