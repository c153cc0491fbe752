// The little of a C library that probe.h uses, for a Linux without one: see hexagon.c.

#ifndef FREESTANDING_LIBC_H
#define FREESTANDING_LIBC_H

#include <stddef.h>

typedef const int FILE; // a file descriptor
extern FILE stdin_file, stdout_file, stderr_file;
#define stdin (&stdin_file)
#define stdout (&stdout_file)
#define stderr (&stderr_file)

void *aligned_alloc(size_t alignment, size_t bytes); // a power of two
_Noreturn void exit(int status);
int fflush(FILE *file);
int fprintf(FILE *file, const char *format, ...); // writes the format itself
size_t fread(void *to, size_t size, size_t count, FILE *file); // size is 1, as below
void free(void *block); // keeps it
size_t fwrite(const void *from, size_t size, size_t count, FILE *file);
int main(int argc, char **argv);
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int puts(const char *text);
int strcmp(const char *x, const char *y);
size_t strlen(const char *text);
unsigned long strtoul(const char *text, char **end, int base); // decimal digits only

#endif
