/* The least that reading words takes: one pass over bytes that lower-cases each by a table and hashes every word
 * (FNV-1a, 64 bits). No n-grams, no counting, no look-up, no weights, no Unicode: a byte above 127 is part of a word.
 *
 * bare_pass FILE PASSES prints the seconds of each pass, and the sum of the hashes so that none may be left out.
 */
#define _POSIX_C_SOURCE 199309L
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const uint64_t FNV_OFFSET = 14695981039346656037u, FNV_PRIME = 1099511628211u;

static uint64_t hash_words(const unsigned char *bytes, size_t size, const unsigned char lower[256]) {
    uint64_t sum = 0, hash = FNV_OFFSET;
    for (size_t at = 0; at < size; at++) {
        unsigned char letter = lower[bytes[at]];
        if (letter) {
            hash = (hash ^ letter) * FNV_PRIME;
        } else if (hash != FNV_OFFSET) {
            sum += hash;
            hash = FNV_OFFSET;
        }
    }
    return sum;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    unsigned char lower[256] = {0};
    for (int byte = 0; byte < 256; byte++)
        if (byte > 127 || isalnum(byte) || byte == '_') lower[byte] = (unsigned char)(byte > 127 ? byte : tolower(byte));
    FILE *file = count == 3 ? fopen(arguments[1], "rb") : NULL;
    if (!file || fseek(file, 0, SEEK_END)) return 2;
    size_t size = (size_t)ftell(file);
    unsigned char *bytes = malloc(size);
    rewind(file);
    if (!bytes || fread(bytes, 1, size, file) != size) return 2;
    printf("{\"seconds\": [");
    uint64_t sum = 0;
    for (int pass = 0, passes = atoi(arguments[2]); pass < passes; pass++) {
        double started = now();
        sum += hash_words(bytes, size, lower);
        printf("%s%.9f", pass ? ", " : "", now() - started);
    }
    printf("], \"sum\": %llu}\n", (unsigned long long)sum);
    return 0;
}
