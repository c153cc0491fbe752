/* pack_bits.h in plain C. */
#include "fast/pack_bits.h"
#include "fast/pack_bits_rest.h"

pqs_pack_bits *const pqs_pack_bits__portable = pack_rest;
