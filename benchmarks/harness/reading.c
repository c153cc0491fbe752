/* Reads memory once, as fast as loads allow: what bounds a product of a vector with a matrix. */
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
uint64_t read_words(const uint64_t *at, size_t words) {
    uint64_t found[32] = {0}; /* words: a multiple of 32 */
    for (size_t i = 0; i < words; i += 32) {
        for (size_t j = 0; j < 32; j++) found[j] |= at[i + j];
    }
    uint64_t all = 0;
    for (size_t j = 0; j < 32; j++) all |= found[j];
    return all;
}
