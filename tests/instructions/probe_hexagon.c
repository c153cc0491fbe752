// Hexagon HVX instructions, one rule each, 128 bytes a vector; see probe.h.

#include "probe.h"

typedef int32_t words __attribute__((vector_size(128)));
typedef int16_t halves __attribute__((vector_size(128)));

enum { LANES = 32 }; // words of a vector

// Four products a lane: `a` holds one group of four unsigned bytes, repeated.
static void run_vrmpy(const struct call *x)
{
    for (size_t m = 0; m < x->m; m++)
        for (size_t n = 0; n < x->n; n += LANES) {
            words acc;
            memcpy(&acc, c_at(x, m, n), sizeof acc);
            for (size_t group = 0; group < x->groups; group++) {
                int32_t a;
                words b;
                memcpy(&a, a_at(x, m, group), sizeof a);
                memcpy(&b, b_at(x, group, n), sizeof b);
                acc = __builtin_HEXAGON_V6_vrmpybusv_acc_128B(
                    acc, __builtin_HEXAGON_V6_lvsplatw_128B(a), b);
            }
            memcpy(out_at(x, m, n), &acc, sizeof acc);
        }
}

// Words of two vectors make the odd and the even halves of one; the shift b is a scalar register.
// LANES rows at a time, in both vectors.
static void run_vasr_rnd_sat(const struct call *x)
{
    for (size_t n = 0; n < x->n; n++)
        for (size_t m = 0; m < x->m; m += LANES) {
            size_t rows = x->m - m < LANES ? x->m - m : LANES;
            int32_t shift;
            words a = {0};
            memcpy(&shift, b_at(x, 0, n), sizeof shift);
            memcpy(&a, a_at(x, m, 0), rows * sizeof shift);
            halves odd = (halves)__builtin_HEXAGON_V6_vasrwhrndsat_128B(a, (words){0}, shift);
            halves even = (halves)__builtin_HEXAGON_V6_vasrwhrndsat_128B((words){0}, a, shift);
            for (size_t row = 0; row < rows; row++) {
                int16_t out = odd[2 * row + 1];
                if (out != even[2 * row]) {
                    fprintf(stderr, "the two vectors give two results\n");
                    exit(1);
                }
                memcpy(out_at(x, m + row, n), &out, sizeof out);
            }
        }
}

static int always(void) { return 1; }

static const struct rule rules[] = {
    {"vrmpy", 4, 4, 4, 1, always, run_vrmpy},
    {"vasr_rnd_sat", 4, 4, 2, 0, always, run_vasr_rnd_sat},
};

int main(int argc, char **argv)
{
    return probe_main(rules, sizeof rules / sizeof *rules, argc, argv);
}
