#include "matrix.h"

#include "lanes.h"

/* A tile is some rows by some groups of columns, all its sums in registers while it walks down the inputs.
 * On AVX-512, 8 rows by 48 columns take 24 of 32 registers and 6 by 56 take 24; with 16 registers of
 * 8 floats (or 32 of 4), 6 by 16 take 12 (or 24). */
#if defined(__AVX512F__)
#define MOST_GROUPS 7
#define MOST_ROWS 8
#define ROWS_OF_WIDEST 6
#else
#define MOST_GROUPS 2
#define MOST_ROWS 6
#define ROWS_OF_WIDEST 6
#endif

/* Width in groups of the next tile, `left` groups being left of `all`. */
static long tile_groups(long all, long left) {
    /* Six is a whole number of registers of 16, and leaves room for two more rows. */
    if (MOST_GROUPS > 6 && all % 6 == 0) return 6;
    long tiles = (left + MOST_GROUPS - 1) / MOST_GROUPS;
    return (left + tiles - 1) / tiles;
}

long packed_floats(long outputs, long inputs) { return ROUND_UP(outputs, GROUP) * inputs; }

void pack_matrix(const float *weights, long outputs, long inputs, float *packed) {
    long all = ROUND_UP(outputs, GROUP) / GROUP;
    for (long done = 0, width; done < all; done += width) {
        width = tile_groups(all, all - done);
        for (long input = 0; input < inputs; input++)
            for (long column = done * GROUP; column < (done + width) * GROUP; column++)
                *packed++ = column < outputs ? weights[column * inputs + input] : 0.0f;
    }
}

/* Some rows of the product, in blocks of equal height, and some of its columns. */
typedef struct {
    const Part *parts;
    long part_count;
    long pitch;
    long first_row;
    long blocks;
    const float *weights;
    const float *bias;
    const float *added;
    long added_pitch;
    float *out;
    long out_pitch;
} Panel;

/* A NaN stays one: wrong input must not make plausible logits. */

INLINE floats16 relu16(floats16 x) {
#if defined(__AVX512F__)
    return (floats16)_mm512_max_ps(_mm512_setzero_ps(), (__m512)x);
#else
    return (floats16)((ints16)x & ~(x < 0.0f));
#endif
}

INLINE floats8 relu8(floats8 x) { return (floats8)((ints8)x & ~(x < 0.0f)); }

/* One tile: `wide` columns of 16 and, if `narrow`, 8 more. */
INLINE void compute_tile(const Panel *panel, long row, const int rows, const int wide, const int narrow) {
    floats16 sums[MOST_ROWS][MOST_GROUPS / 2 + 1];
    floats8 last_sums[MOST_ROWS];
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int j = 0; j < wide; j++) sums[i][j] = *(const floats16 *)(panel->bias + 16 * j);
        if (narrow) last_sums[i] = *(const floats8 *)(panel->bias + 16 * wide);
    }
    const float *weights = panel->weights;
    const long pitch = panel->pitch;
    for (const Part *part = panel->parts; part < panel->parts + panel->part_count; part++) {
        const float *inputs = part->start + row * pitch;
        for (long left = part->depth; left > 0; left--) {
            floats16 columns[MOST_GROUPS / 2 + 1];
            floats8 last_columns = {0};
            UNROLL for (int j = 0; j < wide; j++) columns[j] = *(const floats16 *)(weights + 16 * j);
            if (narrow) last_columns = *(const floats8 *)(weights + 16 * wide);
            UNROLL for (int i = 0; i < rows; i++) {
                const float x = inputs[i * pitch];
                UNROLL for (int j = 0; j < wide; j++) sums[i][j] += columns[j] * x;
                if (narrow) last_sums[i] += last_columns * x;
            }
            inputs++;
            weights += 16 * wide + 8 * narrow;
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        float *out = panel->out + (row + i) * panel->out_pitch;
        const float *added = panel->added ? panel->added + (row + i) * panel->added_pitch : 0;
        UNROLL for (int j = 0; j < wide; j++) {
            floats16 y = sums[i][j];
            if (added) y += *(const floats16 *)(added + 16 * j);
            *(floats16 *)(out + 16 * j) = relu16(y);
        }
        if (narrow) {
            floats8 y = last_sums[i];
            if (added) y += *(const floats8 *)(added + 16 * wide);
            *(floats8 *)(out + 16 * wide) = relu8(y);
        }
    }
}

/* The compiler makes one function of each height and width of a tile. */
INLINE void compute_panel(const Panel *panel, const int rows, const int groups) {
    for (long block = 0; block < panel->blocks; block++)
        compute_tile(panel, panel->first_row + block * rows, rows, groups / 2, groups % 2);
}

#define TILE(rows, groups) \
    static void tile_##rows##_##groups(const Panel *panel) { compute_panel(panel, rows, groups); }
#define TILES(groups) \
    TILE(1, groups) TILE(2, groups) TILE(3, groups) TILE(4, groups) TILE(5, groups) TILE(6, groups)
#define TALL_TILES(groups) TILE(7, groups) TILE(8, groups)
#define NAMES(groups) \
    tile_1_##groups, tile_2_##groups, tile_3_##groups, tile_4_##groups, tile_5_##groups, tile_6_##groups
#define TALL_NAMES(groups) tile_7_##groups, tile_8_##groups

TILES(1)
TILES(2)
#if defined(__AVX512F__)
TILES(3) TILES(4) TILES(5) TILES(6) TILES(7)
TALL_TILES(1) TALL_TILES(2) TALL_TILES(3) TALL_TILES(4) TALL_TILES(5) TALL_TILES(6)
#endif

typedef void (*TileFunction)(const Panel *);

static const TileFunction TILE_FUNCTIONS[MOST_GROUPS][MOST_ROWS] = {
#if defined(__AVX512F__)
    {NAMES(1), TALL_NAMES(1)}, {NAMES(2), TALL_NAMES(2)}, {NAMES(3), TALL_NAMES(3)},
    {NAMES(4), TALL_NAMES(4)}, {NAMES(5), TALL_NAMES(5)}, {NAMES(6), TALL_NAMES(6)},
    {NAMES(7)},
#else
    {NAMES(1)},
    {NAMES(2)},
#endif
};

void multiply(const Part *parts, long part_count, long pitch, long rows, const Matrix *matrix,
              const float *added, long added_pitch, float *out, long out_pitch) {
    const long all = ROUND_UP(matrix->outputs, GROUP) / GROUP;
    const long most_rows = tile_groups(all, all) == MOST_GROUPS ? ROWS_OF_WIDEST : MOST_ROWS;
    /* Blocks of nearly equal height: a last one of a single row would use an eighth of the machine. */
    const long blocks = (rows + most_rows - 1) / most_rows, height = rows / blocks, higher = rows % blocks;
    long inputs = 0;
    for (long i = 0; i < part_count; i++) inputs += parts[i].depth;
    Panel panel = {.parts = parts, .part_count = part_count, .pitch = pitch, .weights = matrix->weights,
                   .bias = matrix->bias, .added = added, .added_pitch = added_pitch, .out = out,
                   .out_pitch = out_pitch};
    for (long done = 0, width; done < all; done += width) {
        width = tile_groups(all, all - done);
        panel.first_row = 0;
        panel.blocks = higher;
        if (higher) TILE_FUNCTIONS[width - 1][height](&panel);
        panel.first_row = higher * (height + 1);
        panel.blocks = blocks - higher;
        TILE_FUNCTIONS[width - 1][height - 1](&panel);
        panel.weights += width * GROUP * inputs;
        panel.bias += width * GROUP;
        panel.out += width * GROUP;
        if (added) panel.added += width * GROUP;
    }
}
