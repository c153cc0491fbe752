/* pqs_output: no undefined behaviour on anything; every output by itself gives the same. */
#include "bytes.h"

enum { MAX_STEPS = 4, MAX_CHAINS = 3, MAX_SIDE = 20, MAX_TABLE = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    int64_t numbers[2][MAX_CHAINS * 3 * MAX_SIDE];
    float scales[3 * MAX_SIDE];
    double double_scales[3 * MAX_SIDE];
    int64_t table[MAX_SIDE * MAX_TABLE];
} step_data;

static float pick_scale(bytes *in) {
    const uint32_t word = (uint32_t)next_word(in, 4);
    float scale;
    memcpy(&scale, &word, sizeof scale);
    return scale == scale ? scale : 1.0f; /* the door refuses what is not a number */
}

static double pick_double_scale(bytes *in) {
    const uint64_t word = next_word(in, 8);
    double scale;
    memcpy(&scale, &word, sizeof scale);
    return scale == scale ? scale : 1.0;
}

static void pick_table(bytes *in, pqs_output_step *step, step_data *data, size_t n) {
    int64_t value = -200;
    const int rows = step->kind == PQS_OUTPUT_THRESHOLDS && next_byte(in) % 2;
    step->table_size = step->kind == PQS_OUTPUT_LOOKUP && !is_garbage(in)
                           ? (size_t)1 << pick(in, 0, 4)
                           : (size_t)pick(in, 0, MAX_TABLE);
    for (size_t i = 0; i < (rows ? n : 1) * step->table_size; i++) {
        if (step->table_size && i % step->table_size == 0) value = -200;
        value += pick(in, 0, 60);
        data->table[i] = step->kind == PQS_OUTPUT_LOOKUP ? pick_integer(in) : value;
    }
    step->table_n_stride = rows ? step->table_size : 0;
    step->table = data->table;
}

static void pick_step(bytes *in, pqs_output_step *step, step_data *data, size_t m, size_t n) {
    memset(step, 0, sizeof *step);
    step->kind = (int32_t)(is_garbage(in) ? pick(in, -2, 10) : pick(in, 0, 8));
    step->index = (int32_t)pick(in, 0, is_garbage(in) ? 60 : 50);
    step->range = pick_register(in);
    step->narrow = pick_narrow(in);
    step->multiplier_from_data = next_byte(in) % 2;
    step->shift_part = (int32_t)pick(in, 0, is_garbage(in) ? 5 : 3);
    const size_t all = MAX_CHAINS * m * n;
    for (size_t i = 0; i < all; i++) data->numbers[0][i] = pick_integer(in);
    const int small = next_byte(in) % 4 != 3;
    for (size_t i = 0; i < all; i++) {
        data->numbers[1][i] = small ? pick(in, -40, 8) : pick_integer(in);
    }
    for (size_t i = 0; i < m * n; i++) data->scales[i] = pick_scale(in);
    for (size_t i = 0; i < m * n; i++) data->double_scales[i] = pick_double_scale(in);
    const int absent = is_garbage(in);
    step->data = (pqs_values){absent ? NULL : data->numbers[0], m * n, n, 1};
    step->shift_data = (pqs_values){data->numbers[1], m * n, n, 1};
    step->scale = (pqs_floats){data->scales, n, 1};
    step->double_scale = (pqs_doubles){data->double_scales, n, 1};
    const uint8_t places = next_byte(in);
    step->clamp_before = places % 2;
    step->zero_point_before = places / 2 % 2 && (!step->clamp_before || absent);
    if (places / 4 % 2) step->second = step->scale;
    if (places / 8 % 2) step->addend = step->scale;
    if (places / 16 % 2) step->last = step->scale;
    step->minimum = pick_integer(in), step->maximum = pick_integer(in);
    step->guard_bits = (int32_t)pick(in, 0, is_garbage(in) ? 40 : 32);
    pick_table(in, step, data, n);
}

/* Whether 63 bits hold what the header asks the lanes kernel's caller to have proven: each step's
 * values are what the reference makes of the steps before it. */
static int fits_63_bits(const pqs_output_step *steps, size_t count, size_t m, size_t n,
                        const int64_t *given) {
    const __int128 limit = (__int128)1 << 62;
    for (size_t s = 0; s < count; s++) {
        const pqs_output_step *const step = &steps[s];
        int64_t values[3 * MAX_SIDE];
        memcpy(values, given, m * n * sizeof *values);
        pqs_place trap = {0};
        pqs_output(steps, s, 7, 1, m, n, 2, 9, values, &trap);
        for (size_t i = 0; i < m * n; i++) {
            __int128 wide = values[i];
            if (step->kind == PQS_OUTPUT_ADD) wide += step->data.at[i];
            if (step->kind == PQS_OUTPUT_NARROW) {
                const int64_t part = step->shift_data.at[i];
                int64_t left = -(int64_t)step->narrow.shift;
                const int64_t s64 = part < -64 ? -64 : part > 64 ? 64 : part;
                if (step->shift_part == PQS_SHIFT_ALL) left += s64;
                if (step->shift_part == PQS_SHIFT_LEFT && s64 > 0) left += s64;
                if (step->shift_part == PQS_SHIFT_RIGHT && s64 < 0) left += s64;
                wide *= step->multiplier_from_data ? step->data.at[i] : step->narrow.multiplier;
                if (left > 62 && wide) return 0;
                for (; left > 0 && -limit <= wide && wide < limit; left--) wide *= 2;
            }
            if (wide < -limit || wide >= limit) return 0;
        }
    }
    return 1;
}

static int fits_int32(const int64_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (values[i] < INT32_MIN || values[i] > INT32_MAX) return 0;
    }
    return 1;
}

/* Whether 32 bits hold what the header asks the caller of the int32 lanes to have proven. */
static int fits_32_bits(const pqs_output_step *steps, size_t count, size_t n,
                        const int64_t *given) {
    for (size_t s = 0; s <= count; s++) {
        int64_t values[MAX_SIDE];
        memcpy(values, given, n * sizeof *values);
        pqs_place trap = {0};
        pqs_output(steps, s, 7, 1, 1, n, 2, 9, values, &trap);
        const int is_sum = s < count && steps[s].kind == PQS_OUTPUT_ADD;
        if ((s == 0 || !is_sum) && !fits_int32(values, n)) return 0;
        if (s == count || (!is_sum && steps[s].kind != PQS_OUTPUT_NARROW)) continue;
        pqs_output_step exact = steps[s];
        pqs_register *const reg = is_sum ? &exact.range : &exact.narrow.range;
        if (reg->overflow == PQS_OVERFLOW_WRAP && reg->bits && reg->bits <= 32) continue;
        *reg = (pqs_register){.overflow = PQS_OVERFLOW_WRAP, .is_signed = 1};
        pqs_output(&exact, 1, 7, 1, 1, n, 2, 9, values, &trap);
        if (!fits_int32(values, n)) return 0;
    }
    return 1;
}

static size_t comparisons, int32_comparisons;

__attribute__((destructor)) static void say_how_many(void) {
    fprintf(stderr, "reference runs: all, kernel comparisons: %zu, in int32 lanes: %zu\n",
            comparisons, int32_comparisons);
}

/* One row, three times. */
static void compare_int32(const pqs_output_step *given_steps, size_t count, size_t n,
                          const int64_t *given, const int64_t *expected) {
    pqs_output_step steps[MAX_STEPS];
    for (size_t s = 0; s < count; s++) {
        steps[s] = given_steps[s];
        steps[s].data.m_stride = steps[s].shift_data.m_stride = 0;
        steps[s].scale.m_stride = steps[s].second.m_stride = steps[s].double_scale.m_stride = 0;
        steps[s].addend.m_stride = steps[s].last.m_stride = 0;
    }
    size_t size;
    if (!fits_32_bits(steps, count, n, given)) return;
    if (pqs_output_int32_size(steps, count, 3, n, &size) != PQS_OK) return;
    int32_t *const values = exactly(3 * n, sizeof *values);
    void *const program = exactly(size, 1);
    for (int isa = PQS_ISA_AUTO; isa <= PQS_ISA_AVX512VPOPCNTDQ; isa++) {
        if (pqs_output_int32_lower(isa, steps, count, 3, n, program) != PQS_OK) continue;
        for (size_t i = 0; i < 3 * n; i++) values[i] = (int32_t)given[i % n];
        require(pqs_output_int32_run(program, 3, values) == PQS_OK, "output int32: status");
        for (size_t i = 0; i < 3 * n; i++) {
            require(values[i] == expected[i % n], "output int32: other values");
        }
        int32_comparisons++;
    }
    free(program), free(values);
}

static void compare_lanes(const pqs_output_step *steps, size_t count, size_t m, size_t n,
                          const int64_t *given, const int64_t *expected) {
    if (!fits_63_bits(steps, count, m, n, given)) return;
    if (m == 1) compare_int32(steps, count, n, given, expected);
    int64_t *const values = exactly(m * n, sizeof *values);
    for (int isa = PQS_ISA_AUTO; isa <= PQS_ISA_AVX512VPOPCNTDQ; isa++) {
        memcpy(values, given, m * n * sizeof *values);
        if (!pqs_isa_available(isa)) continue;
        const int status = pqs_output_lanes(isa, steps, count, m, n, values);
        if (status == PQS_ERROR_NO_KERNEL) {
            require(!memcmp(values, given, m * n * sizeof *values), "output lanes: wrote, refused");
            continue;
        }
        comparisons++;
        require(status == PQS_OK, "output lanes: status");
        require(!memcmp(values, expected, m * n * sizeof *values), "output lanes: other values");
    }
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes in = {data, size};
    pqs_output_step steps[MAX_STEPS];
    static step_data numbers[MAX_STEPS];
    const size_t count = (size_t)pick(&in, 0, MAX_STEPS), chains = (size_t)(next_byte(&in) % 2 ? 1 : pick(&in, 1, MAX_CHAINS));
    const size_t m = (size_t)pick(&in, 1, 3), n = (size_t)pick(&in, 1, MAX_SIDE);
    for (size_t s = 0; s < count; s++) pick_step(&in, &steps[s], &numbers[s], m, n);
    const size_t total = chains * m * n;
    int64_t *const whole = exactly(total, sizeof *whole), *const given = exactly(total, sizeof *given);
    for (size_t i = 0; i < total; i++) whole[i] = given[i] = pick_integer(&in);

    pqs_place trap = {0};
    const int status = pqs_output(steps, count, 7, chains, m, n, 2, 9, whole, &trap);
    int trapped = 0;
    for (size_t i = 0; (status == PQS_OK || status == PQS_TRAPPED) && i < m * n; i++) {
        const size_t row = i / n, column = i % n;
        pqs_output_step alone[MAX_STEPS];
        int64_t values[MAX_CHAINS];
        for (size_t c = 0; c < chains; c++) values[c] = given[c * m * n + i];
        int merges = 0;
        for (size_t s = 0; s < count; s++) {
            alone[s] = steps[s];
            merges += steps[s].kind == PQS_OUTPUT_MERGE;
            if (alone[s].data.at) alone[s].data.at += i;
            alone[s].shift_data.at += i;
            alone[s].scale.at += i;
            alone[s].double_scale.at += i;
            if (alone[s].second.at) alone[s].second.at += i;
            if (alone[s].addend.at) alone[s].addend.at += i;
            if (alone[s].last.at) alone[s].last.at += i;
            alone[s].table += column * alone[s].table_n_stride;
        }
        pqs_place place = {0};
        const int one = pqs_output(alone, count, 7, chains, 1, 1, 2 + (int64_t)row,
                                   9 + (int64_t)column, values, &place);
        for (size_t c = 0; c < (merges ? 1 : chains); c++) {
            require(values[c] == whole[c * m * n + i], "pqs_output: another value alone");
        }
        if (one == PQS_TRAPPED && !trapped) {
            trapped = 1;
            require(place.m == trap.m && place.n == trap.n && place.position == trap.position,
                    "pqs_output: another first trap");
        }
    }
    if (status == PQS_OK || status == PQS_TRAPPED) {
        require(trapped == (status == PQS_TRAPPED), "pqs_output: trapped only together");
    }
    if (status == PQS_OK && chains == 1) compare_lanes(steps, count, m, n, given, whole);
    free(whole), free(given);
    return 0;
}
