/* Products in int64 lanes, in plain C. */
#include "fast/wide.h"

#include <string.h>

#define LANE_COUNT 4

typedef struct {
    int64_t lane[LANE_COUNT];
} vector;

#define EACH(result)                                                                               \
    vector made;                                                                                   \
    for (size_t i = 0; i < LANE_COUNT; i++) made.lane[i] = (result);                               \
    return made

static inline vector load(const int64_t *from) { EACH(from[i]); }
static inline void store(int64_t *to, vector x) { memcpy(to, x.lane, sizeof x.lane); }
static inline vector spread(int64_t x) { EACH(x); }
static inline vector add(vector x, vector y) {
    EACH((int64_t)((uint64_t)x.lane[i] + (uint64_t)y.lane[i]));
}
static inline vector multiply(vector x, vector y) { EACH(x.lane[i] * y.lane[i]); }
static inline vector smaller(vector x, vector y) {
    EACH(x.lane[i] < y.lane[i] ? x.lane[i] : y.lane[i]);
}
static inline vector larger(vector x, vector y) {
    EACH(x.lane[i] > y.lane[i] ? x.lane[i] : y.lane[i]);
}

#include "fast/wide_body.h"

const pqs_wide_kernel pqs_wide__portable = {COLUMNS, run_wide};
