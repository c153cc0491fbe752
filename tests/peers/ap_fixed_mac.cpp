// Sums acc += a * b in ap_fixed<16, 6>, as hls4ml's dense layers make them: each product cast first.
//
// Of every row: the bias, then TERMS pairs a, b, all int16 bit patterns; the accumulator comes out.
#include <cstdint>
#include <cstdio>

#include "ap_fixed.h"

typedef ap_fixed<16, 6> number;

static bool read(number &value)
{
    int16_t bits;
    if (fread(&bits, sizeof bits, 1, stdin) != 1)
        return false;
    value.range(15, 0) = bits;
    return true;
}

int main()
{
    number acc, a, b;
    while (read(acc)) {
        for (int term = 0; term < TERMS; term++) {
            if (!read(a) || !read(b))
                return 1;
            number product = a * b;
            acc += product;
        }
        int16_t bits = (int16_t)acc.range(15, 0).to_int();
        fwrite(&bits, sizeof bits, 1, stdout);
    }
    return ferror(stdin) || ferror(stdout);
}
