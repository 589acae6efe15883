#define _GNU_SOURCE
#include "backbone.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "depthwise.h"
#include "lanes.h"
#include "matrix.h"

/* What a strip of a block's inner tensor may take: with the weights and the strip after it, it is to stay
 * in the second cache (1 MB on the machine that this was tuned on, nowhere below 256 KB). */
#define STRIP_BYTES (192 * 1024)

/* Places that are projected at a time: a multiple of 8 and of 6 rows, in the first cache. */
#define PROJECTED_PLACES 24

/* A block's inner tensor, after the depthwise convolution, is kept times FOR_SWISH: swish_of_scaled wants it
 * so. What reads it multiplies with TO_SWISH. Both are put into weights. */
#define FOR_SWISH (-LOG2_OF_E)
#define TO_SWISH (-LOG_OF_2)

#define LARGE_PAGE ((size_t)2 << 20)

/* Tasks a thread, so that none waits long for the last. */
#define TASKS_PER_THREAD 4

typedef struct {
    long channels; /* a place's floats: filled up to GROUP */
    long height;
    long width;
    float *first; /* frame 0; frames −1 and `frames` are zeros, for the shift to read */
} Trunk;

typedef struct {
    long squeezed;
    float *squeeze; /* (inner, squeezed) */
    float *squeeze_bias;
    float *excite; /* (squeezed, inner) */
    float *excite_bias;
} Excitation;

typedef struct {
    Trunk in;
    Trunk out;
    long in_channels;
    long inner_channels;
    long inner_pitch; /* filled up to CHANNEL_STEP */
    long stride;
    long fold;
    int has_shortcut;
    Matrix expand;
    Depthwise depthwise;
    Excitation excitation;
    Matrix project; /* with the shortcut's inputs behind its own */
    long strip_rows; /* of the output, at a time */
    long ring_rows;  /* of the inner tensor that are kept */
} Block;

typedef struct {
    float *ring;        /* rows of a block's inner tensor before the depthwise convolution */
    float *strip;       /* and after it; also the stem's rows of pixels */
    float *projected;   /* what some places bring to the projection */
    const float **rows; /* that a depthwise convolution looks at */
} Scratch;

typedef struct Memory {
    struct Memory *before;
} Memory;

struct Backbone {
    long frames;
    long bands; /* a frame's rows are split into so many tasks */
    long in_channels;
    long stem_stride;
    long height;
    long width;
    long stem_strip_rows;
    Matrix stem;
    Trunk stem_out;
    long block_count;
    Block *blocks;
    Matrix last;
    float *zeros;  /* a row of the inner tensor outside of the picture */
    float *inner;  /* a whole clip's inner tensor, of a block that needs its mean before it can go on */
    float *sums;   /* of each task's share of it, (tasks, inner_pitch) */
    float *hidden; /* the squeezed channels */
    float *scales; /* what each channel of it is multiplied with */
    int threads;
    Scratch *scratch; /* of each thread */
    Memory *memory; /* everything to be freed */
    long weight_floats;
};

/* ---- Running ---- */

typedef struct {
    Backbone *backbone;
    const Block *block;
    const float *clip;
    float *features;
} Job;

static long smallest(long a, long b) { return a < b ? a : b; }
static long largest(long a, long b) { return a > b ? a : b; }

typedef struct {
    long frame;
    long first; /* row of the output */
    long end;
} Band;

static Band find_band(const Backbone *backbone, long task, long height) {
    long band = task % backbone->bands;
    return (Band){task / backbone->bands, band * height / backbone->bands, (band + 1) * height / backbone->bands};
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
    const Part parts[] = {{gathered, block->inner_channels}, {gathered + block->inner_pitch, block->in_channels}};
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

/* ---- Building ---- */

/* Zeros, aligned to a cache line, freed with the backbone; NULL where there is no memory. */
static float *allocate(Backbone *backbone, long floats) {
    const size_t header = 64, wanted = header + (size_t)floats * sizeof(float);
    /* Large pages, where the system has them, spare looking up hundreds of small ones for each frame. */
    const size_t page = wanted < LARGE_PAGE ? header : LARGE_PAGE, bytes = ROUND_UP(wanted, page);
    Memory *memory = aligned_alloc(page, bytes);
    if (!memory) return NULL;
#if defined(MADV_HUGEPAGE)
    if (page == LARGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    memset(memory, 0, bytes);
    memory->before = backbone->memory;
    backbone->memory = memory;
    return (float *)((char *)memory + header);
}

static float *allocate_weights(Backbone *backbone, long floats) {
    backbone->weight_floats += floats;
    return allocate(backbone, floats);
}

/* A copy that is filled up with zeros. */
static float *copy_filled(Backbone *backbone, const float *from, long count, long filled) {
    float *to = allocate_weights(backbone, filled);
    if (to) memcpy(to, from, (size_t)count * sizeof *to);
    return to;
}

static void scale(float *numbers, long count, float factor) {
    for (long i = 0; i < count; i++) numbers[i] *= factor;
}

static float *copy_transposed(Backbone *backbone, const float *from, long rows, long columns, long pitch) {
    float *to = allocate_weights(backbone, columns * pitch);
    if (!to) return NULL;
    for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++) to[column * pitch + row] = from[row * columns + column];
    return to;
}

/* Each returns whether there was memory. */

static int build_matrix(Backbone *backbone, Matrix *matrix, const float *weights, const float *bias,
                        long outputs, long inputs) {
    float *packed = allocate_weights(backbone, packed_floats(outputs, inputs));
    float *filled = copy_filled(backbone, bias, outputs, ROUND_UP(outputs, GROUP));
    if (!packed || !filled) return 0;
    pack_matrix(weights, outputs, inputs, packed);
    *matrix = (Matrix){packed, filled, outputs};
    return 1;
}

/* The projection and, if there is one, the shortcut as one matrix: their outputs are added anyway. */
static int build_projection(Backbone *backbone, Matrix *matrix, const BlockWeights *weights) {
    const long outputs = weights->out_channels, inner = weights->inner_channels;
    const long seen = weights->shortcut ? weights->in_channels : 0;
    float *joined = malloc((size_t)(outputs * (inner + seen + 1)) * sizeof *joined);
    if (!joined) return 0;
    float *bias = joined + outputs * (inner + seen);
    for (long i = 0; i < outputs; i++) {
        float *row = joined + i * (inner + seen);
        memcpy(row, weights->project + i * inner, (size_t)inner * sizeof *row);
        scale(row, inner, TO_SWISH);
        bias[i] = weights->project_bias[i];
        if (!weights->shortcut) continue;
        memcpy(row + inner, weights->shortcut + i * seen, (size_t)seen * sizeof *row);
        bias[i] += weights->shortcut_bias[i];
    }
    const int done = build_matrix(backbone, matrix, joined, bias, outputs, inner + seen);
    free(joined);
    return done;
}

static int build_depthwise(Backbone *backbone, Block *block, const BlockWeights *weights) {
    const long inner = weights->inner_channels, pitch = block->inner_pitch;
    float *taps = copy_transposed(backbone, weights->depthwise, inner, 9, pitch);
    float *bias = copy_filled(backbone, weights->depthwise_bias, inner, pitch);
    if (!taps || !bias) return 0;
    scale(taps, 9 * pitch, FOR_SWISH);
    scale(bias, pitch, FOR_SWISH);
    block->depthwise = (Depthwise){taps, bias, pitch, block->stride, block->in.width};
    return 1;
}

static int build_excitation(Backbone *backbone, Block *block, const BlockWeights *weights) {
    const long inner = weights->inner_channels, squeezed = weights->squeezed_channels, pitch = block->inner_pitch;
    Excitation *excitation = &block->excitation;
    if (squeezed == 0) return 1;
    *excitation = (Excitation){squeezed, copy_transposed(backbone, weights->squeeze, squeezed, inner, squeezed),
                               copy_filled(backbone, weights->squeeze_bias, squeezed, squeezed),
                               copy_transposed(backbone, weights->excite, inner, squeezed, pitch),
                               copy_filled(backbone, weights->excite_bias, inner, pitch)};
    return excitation->squeeze && excitation->squeeze_bias && excitation->excite && excitation->excite_bias;
}

static int build_trunk(Backbone *backbone, Trunk *trunk, long channels, long height, long width) {
    *trunk = (Trunk){ROUND_UP(channels, GROUP), height, width, NULL};
    const long frame_floats = height * width * trunk->channels;
    trunk->first = allocate(backbone, (backbone->frames + 2) * frame_floats);
    if (trunk->first) trunk->first += frame_floats;
    return trunk->first != NULL;
}

/* As many rows at a time as the cache has room for, in pairs, the strips of a picture nearly equal. */
static void choose_strips(Block *block) {
    const long row_bytes = block->in.width * block->inner_pitch * (long)sizeof(float);
    const long most = largest(2, (STRIP_BYTES / row_bytes - 2) / block->stride);
    const long strips = (block->out.height + most - 1) / most;
    block->strip_rows = ROUND_UP((block->out.height + strips - 1) / strips, 2);
    block->ring_rows = smallest(block->in.height, block->strip_rows * block->stride + 2);
}

/* `spare` is a trunk of the output's shape that nobody needs any more, or none (its first frame is NULL). */
static int build_block(Backbone *backbone, Block *block, const BlockWeights *weights, Trunk in, Trunk spare) {
    block->in = in;
    block->in_channels = weights->in_channels;
    block->inner_channels = weights->inner_channels;
    block->inner_pitch = ROUND_UP(weights->inner_channels, CHANNEL_STEP);
    block->stride = weights->stride;
    block->fold = weights->fold;
    block->has_shortcut = weights->shortcut != NULL;
    block->out = spare;
    if (!spare.first && !build_trunk(backbone, &block->out, weights->out_channels, in.height / weights->stride,
                                     in.width / weights->stride))
        return 0;
    choose_strips(block);
    return build_matrix(backbone, &block->expand, weights->expand, weights->expand_bias,
                        weights->inner_channels, weights->in_channels) &&
           build_depthwise(backbone, block, weights) && build_excitation(backbone, block, weights) &&
           build_projection(backbone, &block->project, weights);
}

static int build_blocks(Backbone *backbone, const BackboneWeights *weights) {
    backbone->blocks = calloc((size_t)weights->block_count, sizeof *backbone->blocks);
    if (!backbone->blocks) return 0;
    const Trunk none = {0};
    Trunk in = backbone->stem_out, spare = none;
    for (long i = 0; i < weights->block_count; i++) {
        /* Blocks of one shape write to two trunks in turn; one with a shortcut starts another shape. */
        const int changes_shape = weights->blocks[i].shortcut != NULL;
        if (!build_block(backbone, &backbone->blocks[i], &weights->blocks[i], in, changes_shape ? none : spare))
            return 0;
        spare = changes_shape ? none : in;
        in = backbone->blocks[i].out;
    }
    backbone->block_count = weights->block_count;
    return 1;
}

/* What each thread, and what all together, write to in passing: of the largest block's size. */
static int build_scratch(Backbone *backbone) {
    const long planes = backbone->in_channels * ((backbone->stem_strip_rows - 1) * backbone->stem_stride + 3);
    long ring = 0, strip = planes * (backbone->width + 2), rows = 0, row = 0, inner = 0, pitch = 0;
    long projected = 0, squeezed = 0;
    for (long i = 0; i < backbone->block_count; i++) {
        const Block *block = &backbone->blocks[i];
        const long row_floats = block->in.width * block->inner_pitch, places = block->out.height * block->out.width;
        ring = largest(ring, block->ring_rows * row_floats);
        strip = largest(strip, block->strip_rows * block->out.width * block->inner_pitch);
        projected = largest(projected, PROJECTED_PLACES * (block->inner_pitch + block->in.channels));
        rows = largest(rows, (block->strip_rows - 1) * block->stride + 3);
        row = largest(row, row_floats);
        pitch = largest(pitch, block->inner_pitch);
        squeezed = largest(squeezed, block->excitation.squeezed);
        if (block->excitation.squeezed)
            inner = largest(inner, backbone->frames * places * block->inner_pitch);
    }
    backbone->zeros = allocate(backbone, row);
    backbone->inner = allocate(backbone, inner);
    backbone->sums = allocate(backbone, backbone->frames * backbone->bands * pitch);
    backbone->hidden = allocate(backbone, squeezed);
    backbone->scales = allocate(backbone, pitch);
    backbone->scratch = calloc((size_t)backbone->threads, sizeof *backbone->scratch);
    if (!backbone->zeros || !backbone->inner || !backbone->sums || !backbone->hidden || !backbone->scales || !backbone->scratch) return 0;
    for (int i = 0; i < backbone->threads; i++) {
        Scratch *scratch = &backbone->scratch[i];
        scratch->ring = allocate(backbone, ring);
        scratch->strip = allocate(backbone, strip);
        scratch->projected = allocate(backbone, projected);
        scratch->rows = (const float **)allocate(backbone, 2 * rows); /* a pointer is two floats at most */
        if (!scratch->ring || !scratch->strip || !scratch->projected || !scratch->rows) return 0;
    }
    return 1;
}

static int build_parts(Backbone *backbone, const BackboneWeights *weights) {
    const long stride = weights->stem_stride;
    const long height = backbone->height / stride, width = backbone->width / stride;
    const long row_bytes = weights->in_channels * (backbone->width + 2) * stride * (long)sizeof(float);
    const long tail = weights->blocks[weights->block_count - 1].out_channels;
    backbone->stem_strip_rows = smallest(height, largest(1, STRIP_BYTES / row_bytes - 2));
    return build_matrix(backbone, &backbone->stem, weights->stem, weights->stem_bias, weights->stem_channels,
                        weights->in_channels * 9) &&
           build_trunk(backbone, &backbone->stem_out, weights->stem_channels, height, width) &&
           build_blocks(backbone, weights) &&
           build_matrix(backbone, &backbone->last, weights->last, weights->last_bias, weights->out_channels, tail) &&
           build_scratch(backbone);
}

Backbone *build_backbone(const BackboneWeights *weights, long frames, long height, long width, int threads) {
    if (weights->in_channels * 3 > MOST_PARTS) return NULL;
    Backbone *backbone = calloc(1, sizeof *backbone);
    if (!backbone) return NULL;
    backbone->frames = frames;
    backbone->bands = (TASKS_PER_THREAD * threads + frames - 1) / frames;
    backbone->in_channels = weights->in_channels;
    backbone->stem_stride = weights->stem_stride;
    backbone->height = height;
    backbone->width = width;
    backbone->threads = threads;
    if (build_parts(backbone, weights)) return backbone;
    free_backbone(backbone);
    return NULL;
}

long feature_pitch(const Backbone *backbone) { return ROUND_UP(backbone->last.outputs, GROUP); }

long weights_bytes(const Backbone *backbone) { return backbone->weight_floats * (long)sizeof(float); }

void free_backbone(Backbone *backbone) {
    while (backbone->memory) {
        Memory *memory = backbone->memory;
        backbone->memory = memory->before;
        free(memory);
    }
    free(backbone->blocks);
    free(backbone->scratch);
    free(backbone);
}
