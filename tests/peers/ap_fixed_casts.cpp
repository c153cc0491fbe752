// Casts of 32-bit integers to ap_fixed<16, ...>: int32 in, for every mode and shift an int16 array out.
//
// MODES: calls of mode<quantization, overflow, saturated bits>(); LOST: how many bits each cast loses.
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "ap_fixed.h"

static std::vector<int32_t> numbers;

// To 16 bits whose lowest weighs 2^lost.
template <ap_q_mode quantization, ap_o_mode overflow, int saturated_bits, int lost>
static void cast()
{
    std::vector<int16_t> found;
    for (int32_t number : numbers) {
        ap_fixed<32, 32> wide;
        wide.range(31, 0) = number;
        ap_fixed<16, 16 + lost, quantization, overflow, saturated_bits> narrow = wide;
        found.push_back((int16_t)narrow.range(15, 0).to_int());
    }
    fwrite(found.data(), sizeof found[0], found.size(), stdout);
}

template <ap_q_mode quantization, ap_o_mode overflow, int saturated_bits, int... lost>
static void shifts(std::integer_sequence<int, lost...>)
{
    (cast<quantization, overflow, saturated_bits, lost>(), ...);
}

template <ap_q_mode quantization, ap_o_mode overflow, int saturated_bits>
static void mode()
{
    shifts<quantization, overflow, saturated_bits>(std::integer_sequence<int, LOST>{});
}

int main()
{
    int32_t number;
    while (fread(&number, sizeof number, 1, stdin) == 1)
        numbers.push_back(number);
    MODES
    return ferror(stdin) || ferror(stdout);
}
