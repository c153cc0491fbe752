// What every probe shares: operands on stdin, results of one instruction on stdout.
//
// `probe` alone lists the rules that this machine can run, one a line. `probe RULE M N GROUPS`
// reads a, b and, where the rule accumulates, c, in the machine's byte order:
//
//     a    M x GROUPS x group      b    GROUPS x N x group      c    M x N
//
// and writes out, M x N, then M x N/64 bytes: whether the machine's saturation flag was set by
// these 64 columns (0 where it has none). out[m][n] starts as c[m][n] and meets the GROUPS
// operands in order; a rule that does not accumulate takes one group. N is a multiple of 64.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 };

struct call {
    size_t m, n, groups;
    size_t a_bytes, b_bytes, out_bytes; // of one group of a, of b; of one result
    const uint8_t *a, *b, *c; // c is NULL where the rule does not accumulate
    uint8_t *out, *flags;
};

struct rule {
    const char *name;
    size_t a_bytes, b_bytes, out_bytes; // as in struct call
    int accumulates;
    int (*available)(void);
    void (*run)(const struct call *);
};

static inline const uint8_t *a_at(const struct call *x, size_t m, size_t group)
{
    return x->a + (m * x->groups + group) * x->a_bytes;
}

static inline const uint8_t *b_at(const struct call *x, size_t group, size_t n)
{
    return x->b + (group * x->n + n) * x->b_bytes;
}

static inline const uint8_t *c_at(const struct call *x, size_t m, size_t n)
{
    return x->c + (m * x->n + n) * x->out_bytes;
}

static inline uint8_t *out_at(const struct call *x, size_t m, size_t n)
{
    return x->out + (m * x->n + n) * x->out_bytes;
}

static inline uint8_t *flag_at(const struct call *x, size_t m, size_t n)
{
    return x->flags + m * (x->n / BLOCK) + n / BLOCK;
}

// Aligned, because some machines' vector loads want it; at least one byte.
static uint8_t *allocate(size_t bytes)
{
    uint8_t *p = aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (!p) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return p;
}

static const uint8_t *read_bytes(size_t bytes)
{
    uint8_t *p = allocate(bytes);
    if (fread(p, 1, bytes, stdin) != bytes) {
        fprintf(stderr, "stdin ends too early\n");
        exit(1);
    }
    return p;
}

static int run(const struct rule *rule, size_t m, size_t n, size_t groups)
{
    struct call x = {.m = m, .n = n, .groups = groups, .a_bytes = rule->a_bytes,
                     .b_bytes = rule->b_bytes, .out_bytes = rule->out_bytes};
    size_t out_bytes = m * n * rule->out_bytes, blocks = m * (n / BLOCK);
    x.a = read_bytes(m * groups * rule->a_bytes);
    x.b = read_bytes(groups * n * rule->b_bytes);
    x.c = rule->accumulates ? read_bytes(out_bytes) : NULL;
    x.out = allocate(out_bytes);
    x.flags = allocate(blocks);
    memset(x.flags, 0, blocks);
    rule->run(&x);
    int failed = fwrite(x.out, 1, out_bytes, stdout) != out_bytes
                 || fwrite(x.flags, 1, blocks, stdout) != blocks || fflush(stdout);
    free((void *)x.a), free((void *)x.b), free((void *)x.c), free(x.out), free(x.flags);
    return failed;
}

static int probe_main(const struct rule *rules, size_t count, int argc, char **argv)
{
    for (size_t i = 0; argc == 1 && i < count; i++)
        if (rules[i].available())
            puts(rules[i].name);
    if (argc == 1)
        return 0;
    for (size_t i = 0; argc == 5 && i < count; i++) {
        size_t n = strtoul(argv[3], NULL, 10), groups = strtoul(argv[4], NULL, 10);
        int fits = n % BLOCK == 0 && groups > 0 && (groups == 1 || rules[i].accumulates);
        if (!strcmp(argv[1], rules[i].name) && fits && rules[i].available())
            return run(&rules[i], strtoul(argv[2], NULL, 10), n, groups);
    }
    fprintf(stderr, "usage: %s [RULE M N GROUPS]\n", argv[0]);
    return 2;
}
