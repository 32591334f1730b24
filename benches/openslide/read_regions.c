/* OpenSlide reading the same regions: no Python, no conversion, one slide shared by the threads.
 *
 *   cc -O2 -o read_regions read_regions.c -ldl -lpthread
 *   read_regions LIBOPENSLIDE.so SLIDE PLAN THREADS
 *
 * The library is loaded when the program runs, so that the one in PyPI's openslide-bin does and no headers
 * are needed. PLAN has a line "x y width height" per region, in pixels of level 0; reader.rs writes it.
 * Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *(*open_t)(const char *);
typedef void (*read_t)(void *, uint32_t *, int64_t, int64_t, int32_t, int64_t, int64_t);
typedef const char *(*error_t_)(void *);
typedef void (*close_t)(void *);

struct region {
    long long x, y, width, height;
};

static read_t read_region;
static void *slide;
static struct region *regions;
static long count, largest;
static atomic_long next_region;

static void *work(void *unused)
{
    (void)unused;
    uint32_t *pixels = malloc((size_t)largest * 4);
    for (;;) {
        long i = atomic_fetch_add(&next_region, 1);
        if (i >= count)
            break;
        struct region r = regions[i];
        read_region(slide, pixels, r.x, r.y, 0, r.width, r.height);
    }
    free(pixels);
    return NULL;
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static long peak_rss_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &kib);
    if (status)
        fclose(status);
    return kib;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: read_regions LIBOPENSLIDE.so SLIDE PLAN THREADS\n");
        return 2;
    }
    void *library = dlopen(argv[1], RTLD_NOW);
    FILE *plan = fopen(argv[3], "r");
    int threads = atoi(argv[4]);
    if (!library || !plan || threads < 1 || threads > 64) {
        fprintf(stderr, "%s\n", library ? "no plan, or no sensible number of threads" : dlerror());
        return 2;
    }
    open_t open_slide = (open_t)dlsym(library, "openslide_open");
    close_t close_slide = (close_t)dlsym(library, "openslide_close");
    error_t_ get_error = (error_t_)dlsym(library, "openslide_get_error");
    read_region = (read_t)dlsym(library, "openslide_read_region");
    if (!open_slide || !close_slide || !get_error || !read_region)
        return 2;
    struct region r;
    long room = 0;
    double pixels = 0;
    while (fscanf(plan, "%lld %lld %lld %lld", &r.x, &r.y, &r.width, &r.height) == 4) {
        if (count == room) {
            room = room ? room * 2 : 4096;
            regions = realloc(regions, room * sizeof *regions);
        }
        regions[count++] = r;
        pixels += (double)r.width * r.height;
        if (r.width * r.height > largest)
            largest = r.width * r.height;
    }
    double opened = now(CLOCK_MONOTONIC);
    slide = open_slide(argv[2]);
    opened = now(CLOCK_MONOTONIC) - opened;
    if (!slide || get_error(slide)) {
        fprintf(stderr, "cannot open %s\n", argv[2]);
        return 1;
    }
    pthread_t ids[64];
    double seconds = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int t = 0; t < threads; t++)
        pthread_create(&ids[t], NULL, work, NULL);
    for (int t = 0; t < threads; t++)
        pthread_join(ids[t], NULL);
    seconds = now(CLOCK_MONOTONIC) - seconds;
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    const char *error = get_error(slide);
    if (error) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    close_slide(slide);
    printf("{\"what\":\"openslide\",\"threads\":%d,\"regions\":%ld,\"megapixels\":%.1f,\"open_ms\":%.2f,"
           "\"seconds\":%.4f,\"cpu_seconds\":%.4f,\"peak_rss_mib\":%.1f}\n",
           threads, count, pixels / 1e6, opened * 1e3, seconds, cpu, peak_rss_kib() / 1024.0);
    return 0;
}
