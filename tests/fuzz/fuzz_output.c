/* pqs_output: no undefined behaviour on anything; every output by itself gives the same. */
#include "bytes.h"

enum { MAX_STEPS = 4, MAX_CHAINS = 3, MAX_SIDE = 4, MAX_TABLE = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    int64_t numbers[2][MAX_CHAINS * MAX_SIDE * MAX_SIDE];
    float scales[MAX_SIDE * MAX_SIDE];
    int64_t table[MAX_SIDE * MAX_TABLE];
} step_data;

static float pick_scale(bytes *in) {
    const uint32_t word = (uint32_t)next_word(in, 4);
    float scale;
    memcpy(&scale, &word, sizeof scale);
    return scale == scale ? scale : 1.0f; /* the door refuses what is not a number */
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
    step->kind = (int32_t)(is_garbage(in) ? pick(in, -2, 10) : pick(in, 0, 7));
    step->index = (int32_t)pick(in, 0, is_garbage(in) ? 60 : 50);
    step->range = pick_register(in);
    step->narrow = pick_narrow(in);
    step->multiplier_from_data = next_byte(in) % 2;
    step->shift_part = (int32_t)pick(in, 0, is_garbage(in) ? 5 : 3);
    for (size_t i = 0; i < 2 * MAX_CHAINS * m * n; i++) {
        data->numbers[i / (MAX_CHAINS * m * n)][i % (MAX_CHAINS * m * n)] = pick_integer(in);
    }
    for (size_t i = 0; i < m * n; i++) data->scales[i] = pick_scale(in);
    const int absent = is_garbage(in);
    step->data = (pqs_values){absent ? NULL : data->numbers[0], m * n, n, 1};
    step->shift_data = (pqs_values){data->numbers[1], m * n, n, 1};
    step->scale = (pqs_floats){data->scales, n, 1};
    step->clamp_before = next_byte(in) % 2;
    step->minimum = pick_integer(in), step->maximum = pick_integer(in);
    step->guard_bits = (int32_t)pick(in, 0, is_garbage(in) ? 40 : 32);
    pick_table(in, step, data, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes in = {data, size};
    pqs_output_step steps[MAX_STEPS];
    static step_data numbers[MAX_STEPS];
    const size_t count = (size_t)pick(&in, 0, MAX_STEPS), chains = (size_t)pick(&in, 1, MAX_CHAINS);
    const size_t m = (size_t)pick(&in, 1, MAX_SIDE), n = (size_t)pick(&in, 1, MAX_SIDE);
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
    free(whole), free(given);
    return 0;
}
