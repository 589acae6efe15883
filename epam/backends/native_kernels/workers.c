#include "workers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A layer's tasks follow the last one's within microseconds: a worker waits for them awake for about
 * this many pauses (some ten to a hundred microseconds), then sleeps. */
#define PAUSES_BEFORE_SLEEP 2000

/* A thread's tasks that nobody has taken yet: the first in the lower half, the end in the upper. Alone in
 * its cache line, for each thread writes to its own. */
typedef struct {
    _Alignas(64) atomic_ullong range;
} Share;

struct Workers {
    pthread_t *threads;
    int thread_count; /* without the caller */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_cond_t finished;
    int sleepers;       /* workers in pthread_cond_wait; under the mutex */
    int caller_sleeps;  /* under the mutex */
    atomic_long loop;   /* counts loops; a change starts one */
    atomic_int ending;
    atomic_int busy;    /* workers that have not finished this loop */
    Task task;
    void *context;
    Share *shares; /* of each thread, the caller's first */
};

typedef struct {
    Workers *workers;
    int number;
} Start;

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

typedef unsigned long long Range;

static Range range_of(Range first, Range end) { return end << 32 | first; }

/* A task of the share, or −1. Its owner takes from the front, others from the back. */
static long take_task(Share *share, int is_owner) {
    Range range = atomic_load_explicit(&share->range, memory_order_relaxed);
    for (;;) {
        const Range first = range & 0xffffffff, end = range >> 32;
        if (first >= end) return -1;
        const Range rest = is_owner ? range_of(first + 1, end) : range_of(first, end - 1);
        if (atomic_compare_exchange_weak(&share->range, &range, rest))
            return (long)(is_owner ? first : end - 1);
    }
}

/* First one's own share, then what others have not come to. */
static void take_tasks(Workers *workers, int number) {
    const int threads = workers->thread_count + 1;
    for (int i = 0; i < threads; i++) {
        Share *share = &workers->shares[(number + i) % threads];
        for (long task; (task = take_task(share, i == 0)) >= 0;) workers->task(workers->context, task, number);
    }
}

/* Neighbouring tasks to one thread, and the same ones in every loop of so many: what one loop leaves in a
 * core's cache, the next one finds there. */
static void share_tasks(Workers *workers, long count) {
    const long threads = workers->thread_count + 1;
    for (long i = 0; i < threads; i++)
        atomic_store_explicit(&workers->shares[i].range,
                              range_of((Range)(i * count / threads), (Range)((i + 1) * count / threads)),
                              memory_order_relaxed);
}

/* Wait until there has been another loop than `seen`. */
static long wait_for_loop(Workers *workers, long seen) {
    long loop;
    for (int pauses = 0; pauses < PAUSES_BEFORE_SLEEP; pauses++) {
        loop = atomic_load_explicit(&workers->loop, memory_order_acquire);
        if (loop != seen) return loop;
        pause_briefly();
    }
    pthread_mutex_lock(&workers->mutex);
    workers->sleepers++;
    while ((loop = atomic_load(&workers->loop)) == seen) pthread_cond_wait(&workers->wake, &workers->mutex);
    workers->sleepers--;
    pthread_mutex_unlock(&workers->mutex);
    return loop;
}

static void *work(void *argument) {
    Start start = *(Start *)argument;
    free(argument);
    Workers *workers = start.workers;
    for (long loop = 0;;) {
        loop = wait_for_loop(workers, loop);
        if (atomic_load(&workers->ending)) return NULL;
        take_tasks(workers, start.number);
        if (atomic_fetch_sub_explicit(&workers->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&workers->mutex);
            if (workers->caller_sleeps) pthread_cond_signal(&workers->finished);
            pthread_mutex_unlock(&workers->mutex);
        }
    }
}

/* Let the workers see what was written before. */
static void start_loop(Workers *workers) {
    pthread_mutex_lock(&workers->mutex);
    atomic_fetch_add_explicit(&workers->loop, 1, memory_order_release);
    if (workers->sleepers) pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->mutex);
}

static void wait_for_workers(Workers *workers) {
    for (int pauses = 0; pauses < PAUSES_BEFORE_SLEEP; pauses++) {
        if (atomic_load_explicit(&workers->busy, memory_order_acquire) == 0) return;
        pause_briefly();
    }
    pthread_mutex_lock(&workers->mutex);
    workers->caller_sleeps = 1;
    while (atomic_load(&workers->busy)) pthread_cond_wait(&workers->finished, &workers->mutex);
    workers->caller_sleeps = 0;
    pthread_mutex_unlock(&workers->mutex);
}

void run_tasks(Workers *workers, Task task, void *context, long count) {
    if (workers->thread_count == 0 || count < 2) {
        for (long i = 0; i < count; i++) task(context, i, 0);
        return;
    }
    workers->task = task;
    workers->context = context;
    share_tasks(workers, count);
    atomic_store_explicit(&workers->busy, workers->thread_count, memory_order_relaxed);
    start_loop(workers);
    take_tasks(workers, 0);
    wait_for_workers(workers);
}

Workers *start_workers(int threads) {
    Workers *workers = calloc(1, sizeof *workers);
    if (!workers) return NULL;
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->wake, NULL);
    pthread_cond_init(&workers->finished, NULL);
    workers->threads = calloc((size_t)threads, sizeof *workers->threads);
    workers->shares = aligned_alloc(64, (size_t)threads * sizeof *workers->shares);
    if (!workers->threads || !workers->shares) {
        stop_workers(workers);
        return NULL;
    }
    while (workers->thread_count < threads - 1) {
        Start *start = malloc(sizeof *start);
        if (start) *start = (Start){workers, workers->thread_count + 1};
        if (!start || pthread_create(&workers->threads[workers->thread_count], NULL, work, start)) {
            free(start);
            stop_workers(workers);
            return NULL;
        }
        workers->thread_count++;
    }
    return workers;
}

void stop_workers(Workers *workers) {
    atomic_store(&workers->ending, 1);
    start_loop(workers);
    for (int i = 0; i < workers->thread_count; i++) pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->finished);
    pthread_cond_destroy(&workers->wake);
    pthread_mutex_destroy(&workers->mutex);
    free(workers->shares);
    free(workers->threads);
    free(workers);
}
