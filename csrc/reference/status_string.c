/* What a status means, in words. */
#include "reference/reference.h"

const char *pqs_status_string(int status) {
    switch (status) {
    case PQS_OK: return "ok";
    case PQS_ERROR_NULL: return "a pointer that must not be null is";
    case PQS_ERROR_DATAPATH: return "a kind, width, shift or count outside what is allowed";
    case PQS_ERROR_ONE_VALUE: return "the reduce steps do not leave one value";
    case PQS_ERROR_OPERAND: return "a code outside its table, or an order that leaves K";
    case PQS_ERROR_NO_KERNEL: return "no kernel of that kind for this call or CPU";
    case PQS_TRAPPED: return "an overflow in a TRAP register";
    case PQS_ERROR_OVERLAP: return "the result would overwrite an operand";
    default: return "unknown status";
    }
}
