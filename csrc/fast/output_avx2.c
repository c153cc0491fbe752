/* The output kernel compiled for AVX2, where the compiler can. */
#include "fast/output.h"

#ifdef __AVX2__
#include "fast/output_body.h"

pqs_output_kernel *const pqs_output__avx2 = run_output;
#else
pqs_output_kernel *const pqs_output__avx2 = NULL;
#endif
