/* Random numbers, the same on every machine. */
#ifndef TESTS_CROSS_DRAWS_H
#define TESTS_CROSS_DRAWS_H

#include <stdint.h>

static uint64_t state = 1;

/* A linear congruential generator's upper half: 0..count-1. */
static int64_t below(int64_t count) {
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((state >> 33) % (uint64_t)count);
}

static int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }

#endif
