/* The output kernel compiled for AVX512BW, where the compiler can. */
#include "fast/output.h"

#ifdef __AVX512BW__
#include "fast/output_body.h"

pqs_output_kernel *const pqs_output__avx512bw = run_output;
#else
pqs_output_kernel *const pqs_output__avx512bw = NULL;
#endif
