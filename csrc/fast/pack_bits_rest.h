/* pack_bits.h one code at a time: what is no whole vector. */
#include <string.h>

static int pack_rest(size_t count, const char *codes, uint8_t mask, uint8_t zero, uint8_t one,
                     char *words) {
    unsigned others = 0;
    for (size_t first = 0; first < count; first += 32) {
        const size_t here = count - first < 32 ? count - first : 32;
        uint32_t word = 0;
        for (size_t i = 0; i < here; i++) {
            const unsigned code = (uint8_t)codes[first + i] & mask;
            word |= (uint32_t)(code == one) << i;
            others |= (code != one) & (code != zero);
        }
        memcpy(words + first / 8, &word, sizeof word);
    }
    return !others;
}
