/* The output kernel in plain C. */
#include "fast/output_body.h"

pqs_output_kernel *const pqs_output__portable = run_output;
