/* Philox4x32-10, the counter-based random generator of Salmon et al. (SC'11). */
#include "reference/reference.h"

void pqs_philox4x32_10(const uint32_t *counter, const uint32_t *key, uint32_t *words) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        const uint64_t product0 = (uint64_t)UINT32_C(0xD2511F53) * c0;
        const uint64_t product1 = (uint64_t)UINT32_C(0xCD9E8D57) * c2;
        const uint32_t next0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
        const uint32_t next2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)product1;
        c3 = (uint32_t)product0;
        c0 = next0;
        c2 = next2;
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* word1:word0 for key = seed (low word first), counter = (position, n, m, tag). */
uint64_t pqs_random_word(uint64_t seed, pqs_draw draw) {
    const uint32_t counter[4] = {(uint32_t)draw.position, (uint32_t)draw.n, (uint32_t)draw.m,
                                 draw.tag};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t words[4];
    pqs_philox4x32_10(counter, key, words);
    return (uint64_t)words[1] << 32 | words[0];
}
