/* Threads that share the tasks of a loop, and sleep while there are none. */

#ifndef EPAM_WORKERS_H
#define EPAM_WORKERS_H

typedef struct Workers Workers;

/* One task of a loop; `worker` tells the threads apart, from 0 (the caller). */
typedef void (*Task)(void *context, long task, int worker);

/* `threads` counts the caller. NULL where the system gives no more threads or memory. */
Workers *start_workers(int threads);

/* Run tasks 0 to count − 1 on all threads; returns when all are done. One caller at a time. */
void run_tasks(Workers *workers, Task task, void *context, long count);

/* Ends and frees the threads. */
void stop_workers(Workers *workers);

#endif
