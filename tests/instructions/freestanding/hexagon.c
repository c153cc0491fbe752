// libc.h on Linux for Hexagon, for which Debian has a compiler and an emulator but no C library.

#include "libc.h"

enum { READ = 63, WRITE = 64, EXIT_GROUP = 94, BRK = 214 };

FILE stdin_file = 0, stdout_file = 1, stderr_file = 2;

static long kernel(long number, long first, long second, long third)
{
    register long r0 __asm__("r0") = first;
    register long r1 __asm__("r1") = second;
    register long r2 __asm__("r2") = third;
    register long r6 __asm__("r6") = number;
    __asm__ volatile("trap0(#1)" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r6) : "memory");
    return r0;
}

// At the start r29 points at argc, and argv follows.
__asm__(".globl _start\n_start:\n{ r0 = r29\n jump start }\n");

_Noreturn __attribute__((used)) void start(int *stack)
{
    exit(main(*stack, (char **)(stack + 1)));
}

_Noreturn void exit(int status)
{
    for (;;)
        kernel(EXIT_GROUP, status, 0, 0);
}

static size_t all(long number, FILE *file, char *at, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        long n = kernel(number, *file, (long)(at + done), (long)(bytes - done));
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

size_t fread(void *to, size_t size, size_t count, FILE *file)
{
    (void)size;
    return all(READ, file, to, count);
}

size_t fwrite(const void *from, size_t size, size_t count, FILE *file)
{
    (void)size;
    return all(WRITE, file, (char *)from, count);
}

int fflush(FILE *file) { return *file < 0; }

int fprintf(FILE *file, const char *format, ...)
{
    return (int)fwrite(format, 1, strlen(format), file);
}

int puts(const char *text)
{
    return (int)(fwrite(text, 1, strlen(text), stdout) + fwrite("\n", 1, 1, stdout));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    size_t end = (size_t)kernel(BRK, 0, 0, 0);
    size_t block = (end + alignment - 1) & ~(alignment - 1);
    return (size_t)kernel(BRK, (long)(block + bytes), 0, 0) < block + bytes ? 0 : (void *)block;
}

void free(void *block) { (void)block; }

// Volatile, so that the compiler does not make these loops calls of themselves.
void *memcpy(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((volatile char *)to)[i] = (char)byte;
    return to;
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

int strcmp(const char *x, const char *y)
{
    while (*x && *x == *y)
        x++, y++;
    return *x - *y;
}

unsigned long strtoul(const char *text, char **end, int base)
{
    unsigned long value = 0;
    while (*text >= '0' && *text <= '9')
        value = value * (unsigned long)base + (unsigned long)(*text++ - '0');
    if (end)
        *end = (char *)text;
    return value;
}
