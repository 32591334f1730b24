/* The limit: decodes JPEG tiles of a TIFF with libjpeg-turbo on so many threads and does nothing else.
 *
 *   cc -O2 -o decode_tiles decode_tiles.c -lturbojpeg -lpthread
 *   decode_tiles SLIDE PLAN THREADS
 *
 * PLAN's first line is the number of bytes of JPEG tables and the tile's side, then come the tables as
 * numbers, then a line "offset length" per tile; whole_slide.rs writes it. Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <turbojpeg.h>
#include <unistd.h>

static int slide;
static unsigned char *tables;
static size_t tables_len;
static int side;
static long count;
static unsigned long long *offsets, *lengths;
static atomic_long next_tile;
static atomic_int failed;

/* The tables go in front of each tile, as a reader of such files has to do it. */
static void *work(void *unused)
{
    (void)unused;
    tjhandle handle = tjInitDecompress();
    unsigned char *pixels = malloc((size_t)side * side * 3);
    unsigned char *stream = NULL;
    size_t room = 0;
    for (;;) {
        long i = atomic_fetch_add(&next_tile, 1);
        if (i >= count)
            break;
        size_t need = tables_len + lengths[i];
        if (need > room) {
            room = need * 2;
            stream = realloc(stream, room);
        }
        /* The tile is read behind its own start marker's place, so that one buffer does. */
        size_t lead = tables_len ? tables_len - 2 : 0;
        if (pread(slide, stream + lead, lengths[i], offsets[i]) != (ssize_t)lengths[i]) {
            failed = 1;
            break;
        }
        if (tables_len)
            memcpy(stream, tables, tables_len);
        if (tjDecompress2(handle, stream, lead + lengths[i], pixels, side, 0, side, TJPF_RGB, 0) != 0 &&
            tjGetErrorCode(handle) == TJERR_FATAL) {
            fprintf(stderr, "tile %ld: %s\n", i, tjGetErrorStr2(handle));
            failed = 1;
            break;
        }
    }
    free(stream);
    free(pixels);
    tjDestroy(handle);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: decode_tiles SLIDE PLAN THREADS\n");
        return 2;
    }
    int threads = atoi(argv[3]);
    slide = open(argv[1], O_RDONLY);
    FILE *plan = fopen(argv[2], "r");
    if (slide < 0 || !plan || threads < 1 || threads > 64 || fscanf(plan, "%zu %d", &tables_len, &side) != 2)
        return 2;
    tables = malloc(tables_len + 2);
    for (size_t i = 0; i < tables_len; i++) {
        unsigned byte;
        if (fscanf(plan, "%u", &byte) != 1)
            return 2;
        tables[i] = (unsigned char)byte;
    }
    /* Without their end marker; the tile's start marker is overwritten by what is then the last two bytes. */
    long room = 0;
    unsigned long long offset, length;
    while (fscanf(plan, "%llu %llu", &offset, &length) == 2) {
        if (count == room) {
            room = room ? room * 2 : 4096;
            offsets = realloc(offsets, room * sizeof *offsets);
            lengths = realloc(lengths, room * sizeof *lengths);
        }
        offsets[count] = offset;
        lengths[count++] = length;
    }
    if (tables_len >= 2 && tables[tables_len - 2] == 0xff && tables[tables_len - 1] == 0xd9)
        tables_len -= 2;
    pthread_t ids[64];
    struct timespec a, b, c, d;
    clock_gettime(CLOCK_MONOTONIC, &a);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c);
    for (int t = 0; t < threads; t++)
        pthread_create(&ids[t], NULL, work, NULL);
    for (int t = 0; t < threads; t++)
        pthread_join(ids[t], NULL);
    clock_gettime(CLOCK_MONOTONIC, &b);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &d);
    double seconds = (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) / 1e9;
    double cpu = (d.tv_sec - c.tv_sec) + (d.tv_nsec - c.tv_nsec) / 1e9;
    printf("{\"what\":\"libjpeg-turbo\",\"threads\":%d,\"tiles\":%ld,\"level0_megapixels\":%.1f,\"seconds\":%.4f,\"cpu_seconds\":%.4f}\n",
           threads, count, count * (double)side * side / 1e6, seconds, cpu);
    return failed ? 1 : 0;
}
