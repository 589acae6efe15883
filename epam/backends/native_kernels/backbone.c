#include <string.h>

#include "backbone_parts.h"

typedef struct {
    Backbone *backbone;
    const Block *block;
    const float *clip;
    float *features;
} Job;

typedef struct {
    long frame;
    long first; /* row of the output */
    long end;
} Band;

static Band find_band(const Backbone *backbone, long task, long height) {
    const long bands = backbone->bands, band = task % bands;
    return (Band){task / bands, band * height / bands, (band + 1) * height / bands};
}

static float *trunk_row(const Trunk *trunk, long frame, long row) {
    return trunk->first + (frame * trunk->height + row) * trunk->width * trunk->channels;
}

/* The planes' rows that `count` output rows from `first` on look at, with a zero left and right. */
static void copy_planes(const Backbone *backbone, const float *clip, long frame, long first, long count,
                        float *planes) {
    const long height = backbone->height, width = backbone->width, pitch = width + 2;
    const long stride = backbone->stem_stride, rows = (count - 1) * stride + 3;
    for (long channel = 0; channel < backbone->in_channels; channel++) {
        const float *plane = clip + (channel * backbone->frames + frame) * height * width;
        for (long i = 0; i < rows; i++, planes += pitch) {
            long row = first * stride - 1 + i;
            if (row < 0 || row >= height) {
                memset(planes, 0, (size_t)pitch * sizeof *planes);
                continue;
            }
            planes[0] = planes[width + 1] = 0.0f;
            memcpy(planes + 1, plane + row * width, (size_t)width * sizeof *planes);
        }
    }
}

/* A row of the stem's output is a matrix product whose rows overlap: three pixels of each row and channel. */
static void run_stem_task(void *context, long task, int worker) {
    const Job *job = context;
    const Backbone *backbone = job->backbone;
    const Trunk *out = &backbone->stem_out;
    const Band band = find_band(backbone, task, out->height);
    const long pitch = backbone->width + 2, stride = backbone->stem_stride;
    float *planes = backbone->scratch[worker].strip;
    Part parts[MOST_PARTS];
    for (long first = band.first, count; first < band.end; first += count) {
        count = smallest(backbone->stem_strip_rows, band.end - first);
        const long plane_floats = ((count - 1) * stride + 3) * pitch;
        copy_planes(backbone, job->clip, band.frame, first, count, planes);
        for (long row = 0; row < count; row++) {
            long part = 0;
            for (long channel = 0; channel < backbone->in_channels; channel++)
                for (long tap = 0; tap < 3; tap++)
                    parts[part++] = (Part){planes + channel * plane_floats + (row * stride + tap) * pitch, 3};
            multiply(parts, part, stride, out->width, &backbone->stem, NULL, 0,
                     trunk_row(out, band.frame, first + row), out->channels);
        }
    }
}

/* Rows [first, end) of a frame's inner tensor into the ring; the shift is where the channels are read. */
static void expand_rows(const Block *block, long frame, long first, long end, float *ring) {
    const Trunk *in = &block->in;
    const long frame_floats = in->height * in->width * in->channels, fold = block->fold;
    for (long row = first, count; row < end; row += count) {
        const long slot = row % block->ring_rows;
        const float *from = trunk_row(in, frame, row);
        count = smallest(end - row, block->ring_rows - slot);
        const Part shifted[] = {{from + frame_floats, fold},
                                {from - frame_floats + fold, fold},
                                {from + 2 * fold, block->in_channels - 2 * fold}};
        multiply(fold ? shifted : shifted + 2, fold ? 3 : 1, in->channels, count * in->width, &block->expand,
                 NULL, 0, ring + slot * in->width * block->inner_pitch, block->inner_pitch);
    }
}

/* Where `count` output rows from `first` on find the inner tensor's rows. */
static void point_to_rows(const Block *block, long first, long count, const float *ring, const float *zeros,
                          const float **rows) {
    const long row_floats = block->in.width * block->inner_pitch;
    for (long i = 0; i < (count - 1) * block->stride + 3; i++) {
        const long row = first * block->stride - 1 + i;
        const int outside = row < 0 || row >= block->in.height;
        rows[i] = outside ? zeros : ring + row % block->ring_rows * row_floats;
    }
}

/* What `count` places from `first` on bring to the projection: swish of the inner tensor, and behind it
 * what the shortcut sees of the input. `scales` may be NULL. */
static void gather_places(const Block *block, long first, long count, const float *inner, const float *scales,
                          float *to, long pitch) {
    const long inner_pitch = block->inner_pitch, stride = block->stride;
    const Trunk *in = &block->in, *out = &block->out;
    for (long place = first; place < first + count; place++, inner += inner_pitch, to += pitch) {
        for (long channel = 0; channel < inner_pitch; channel += LANES) {
            lanes x = load(inner + channel);
            if (scales) x *= load(scales + channel);
            store(to + channel, swish_of_scaled(x));
        }
        if (!block->has_shortcut) continue;
        const long row = place / out->width, column = place % out->width;
        const float *seen = trunk_row(in, row / out->height, row % out->height * stride);
        memcpy(to + inner_pitch, seen + column * stride * in->channels, (size_t)block->in_channels * sizeof *to);
    }
}

/* The projection of `count` places from `first` on, counted through all frames; `inner` has theirs. */
static void project_places(const Block *block, long first, long count, const float *inner, const float *scales,
                           float *gathered) {
    const Trunk *in = &block->in, *out = &block->out;
    const long pitch = block->inner_pitch + (block->has_shortcut ? in->channels : 0), end = first + count;
    const Part parts[] = {{gathered, block->inner_channels},
                          {gathered + block->inner_pitch, block->in_channels}};
    for (; first < end; first += count, inner += count * block->inner_pitch) {
        const long chunks = (end - first + PROJECTED_PLACES - 1) / PROJECTED_PLACES;
        count = (end - first + chunks - 1) / chunks;
        gather_places(block, first, count, inner, scales, gathered, pitch);
        multiply(parts, block->has_shortcut ? 2 : 1, pitch, count, &block->project,
                 block->has_shortcut ? NULL : in->first + first * in->channels, in->channels,
                 out->first + first * out->channels, out->channels);
    }
}

/* Expand and convolve a band, strip by strip; a strip is projected at once, or, where the projection waits
 * for the whole clip's mean, goes to memory. */
static void run_band_task(void *context, long task, int worker) {
    const Job *job = context;
    const Backbone *backbone = job->backbone;
    const Block *block = job->block;
    const Scratch *scratch = &backbone->scratch[worker];
    const Trunk *out = &block->out;
    const Band band = find_band(backbone, task, out->height);
    const int waits = block->excitation.squeezed != 0;
    float *sums = backbone->sums + task * block->inner_pitch;
    memset(sums, 0, (size_t)block->inner_pitch * sizeof *sums);
    long expanded = largest(0, band.first * block->stride - 1);
    for (long first = band.first, count; first < band.end; first += count) {
        count = smallest(block->strip_rows, band.end - first);
        const long needed = smallest(block->in.height, (first + count - 1) * block->stride + 2);
        expand_rows(block, band.frame, expanded, needed, scratch->ring);
        expanded = needed;
        point_to_rows(block, first, count, scratch->ring, backbone->zeros, scratch->rows);
        const long place = (band.frame * out->height + first) * out->width;
        float *convolved = waits ? backbone->inner + place * block->inner_pitch : scratch->strip;
        convolve_depthwise(&block->depthwise, scratch->rows, count, convolved, sums);
        if (!waits) project_places(block, place, count * out->width, convolved, NULL, scratch->projected);
    }
}

/* to += factor · from; the two do not overlap. */
static void add_scaled(float *restrict to, const float *restrict from, long count, float factor) {
    for (long i = 0; i < count; i++) to[i] += factor * from[i];
}

/* The scale of each channel, from the sums of all tasks. */
static void compute_scales(const Backbone *backbone, const Block *block, long tasks) {
    const Excitation *excitation = &block->excitation;
    const long inner = block->inner_pitch, squeezed = excitation->squeezed;
    float *scales = backbone->scales, *hidden = backbone->hidden, *sums = backbone->sums;
    for (long task = 1; task < tasks; task++) add_scaled(sums, sums + task * inner, inner, 1.0f);
    const float to_mean = TO_SWISH / (float)(backbone->frames * block->out.height * block->out.width);
    memcpy(hidden, excitation->squeeze_bias, (size_t)squeezed * sizeof *hidden);
    for (long channel = 0; channel < block->inner_channels; channel++)
        add_scaled(hidden, excitation->squeeze + channel * squeezed, squeezed, to_mean * sums[channel]);
    memcpy(scales, excitation->excite_bias, (size_t)inner * sizeof *scales);
    for (long i = 0; i < squeezed; i++)
        add_scaled(scales, excitation->excite + i * inner, inner, hidden[i] < 0.0f ? 0.0f : hidden[i]);
    for (long channel = 0; channel < inner; channel += LANES)
        store(scales + channel, sigmoid(load(scales + channel)));
}

static void run_projection_task(void *context, long task, int worker) {
    const Job *job = context;
    const Backbone *backbone = job->backbone;
    const Block *block = job->block;
    const Trunk *out = &block->out;
    const Band band = find_band(backbone, task, out->height);
    const long first = (band.frame * out->height + band.first) * out->width;
    project_places(block, first, (band.end - band.first) * out->width,
                   backbone->inner + first * block->inner_pitch, backbone->scales,
                   backbone->scratch[worker].projected);
}

static void run_last_task(void *context, long task, int worker) {
    const Job *job = context;
    const Trunk *in = &job->block->out;
    const Matrix *last = &job->backbone->last;
    const long places = in->height * in->width, pitch = ROUND_UP(last->outputs, GROUP);
    (void)worker;
    const Part all = {trunk_row(in, task, 0), job->block->project.outputs};
    multiply(&all, 1, in->channels, places, last, NULL, 0, job->features + task * places * pitch, pitch);
}

void run_backbone(Backbone *backbone, Workers *workers, const float *clip, float *features) {
    Job job = {backbone, NULL, clip, features};
    const long tasks = backbone->frames * backbone->bands;
    run_tasks(workers, run_stem_task, &job, tasks);
    for (long i = 0; i < backbone->block_count; i++) {
        const Block *block = job.block = &backbone->blocks[i];
        run_tasks(workers, run_band_task, &job, tasks);
        if (!block->excitation.squeezed) continue;
        compute_scales(backbone, block, tasks);
        run_tasks(workers, run_projection_task, &job, tasks);
    }
    run_tasks(workers, run_last_task, &job, backbone->frames);
}

long feature_pitch(const Backbone *backbone) { return ROUND_UP(backbone->last.outputs, GROUP); }

long weights_bytes(const Backbone *backbone) { return backbone->weight_floats * (long)sizeof(float); }

long working_bytes(const Backbone *backbone) { return backbone->memory_bytes - weights_bytes(backbone); }
