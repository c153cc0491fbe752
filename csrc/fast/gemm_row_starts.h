/* What rows of an int8 product start from where b was packed less an offset of each column. The
 * including file has included gemm_body.h, and defines lane_byte: what the kernel takes a's bytes
 * as. */

/* The sum of a row's k bytes as the lanes have them, mod 2^32. */
static uint32_t sum_of_row(size_t k, const char *a, const pqs_gemm_constants *given) {
    static const uint32_t ones = 0x01010101, none = 0;
    const constants held = constants_of(given);
    const vector every_one = broadcast(&ones);
    vector sums = broadcast(&none);
    size_t i = 0;
    for (; i + sizeof(vector) <= k; i += sizeof(vector)) {
        sums = multiply_add(sums, flip(load(a + i), held.a_flip), every_one, &held);
    }
    uint32_t lanes[LANES], sum = 0;
    store(lanes, sums);
    for (size_t lane = 0; lane < LANES; lane++) sum += lanes[lane];
    for (; i < k; i++) {
        const int32_t byte = (lane_byte)((uint8_t)a[i] ^ (uint8_t)given->a_flip);
        sum += (uint32_t)byte;
    }
    return sum;
}

static void start_rows(size_t rows, size_t k, const char *a, size_t a_row,
                       const pqs_gemm_constants *given, const int32_t *start,
                       const int32_t *offsets, int32_t *starts) {
    for (size_t r = 0; r < rows; r++) {
        const uint32_t sum = sum_of_row(k, a + r * a_row, given);
        for (size_t v = 0; v < VECTORS; v++) {
            const vector offset = multiply_low(load(offsets + v * LANES), broadcast(&sum));
            store(starts + r * COLUMNS + v * LANES, add(load(start + v * LANES), offset));
        }
    }
}
