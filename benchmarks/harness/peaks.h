/* A sequence of instructions that is carried out again and again: the bound of kernels made of it. */
#ifndef PEAKS_H
#define PEAKS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *instructions;
    const char *bounds; /* the kind of kernel */
    const char *isa;
    double macs;             /* of a round; bits of a binary product count one each */
    int (*available)(void);  /* on this CPU */
    void (*run)(uint64_t rounds); /* rounds >= 1 */
} peak_probe;

extern const peak_probe peak_probes[];
extern const size_t peak_probe_count;

#endif
