/* How are the arrays of an index made, where numpy would take several passes? And the memory that
 * a search needs.
 */
#include "layout.h"
#include "companions.h"

/* Group rows by code, in rising order of row: `starts` [distinct + 1], `rows`. */
EXPORTED void group_rows(const int32_t *codes, int64_t count, int64_t distinct, int32_t *starts, int32_t *rows) {
    memset(starts, 0, (distinct + 1) * sizeof *starts);
    for (int64_t row = 0; row < count; row++)
        if (codes[row] >= 0) starts[codes[row] + 1]++;
    for (int64_t code = 0; code < distinct; code++) starts[code + 1] += starts[code];
    for (int64_t row = 0; row < count; row++)
        if (codes[row] >= 0) rows[starts[codes[row]]++] = (int32_t)row;
    for (int64_t code = distinct; code > 0; code--) starts[code] = starts[code - 1];
    starts[0] = 0;
}

/* Write for each code of a column which groups the codes beside it in its rows are of. */
EXPORTED void group_beside(const int32_t *codes, const int32_t *beside, int64_t count, int64_t distinct_beside,
                           uint64_t *groups) {
    for (int64_t row = 0; row < count; row++)
        if (codes[row] >= 0) groups[codes[row]] |= UINT64_C(1) << group_of(beside[row], distinct_beside);
}

/* Write the signature of each text. */
EXPORTED void sign_texts(const uint16_t *symbols, const int64_t *offsets, int64_t count, const uint8_t *bit_starts,
                uint64_t *signatures) {
    for (int64_t text = 0; text < count; text++)
        sign(bit_starts, symbols + offsets[text], offsets[text + 1] - offsets[text],
             signatures + text * SIGNATURE_WORDS);
}

struct texts {
    const uint16_t *symbols;
    const int64_t *offsets;
};

static inline int symbol_at(struct texts texts, int32_t text, int64_t depth) {
    return texts.symbols[texts.offsets[text] + depth];
}

static void exchange(int32_t *order, int64_t one, int64_t other) {
    int32_t kept = order[one];
    order[one] = order[other];
    order[other] = kept;
}

struct stretch {
    int32_t *order;
    int64_t count, depth;
};

/* A place that no order of the texts is likely to make a bad one every time. */
static int64_t choose_pivot(struct stretch stretch) {
    uint64_t mixed = (uint64_t)(stretch.count + stretch.depth) * UINT64_C(0x9E3779B97F4A7C15);
    return (int64_t)((mixed >> 32) % (uint64_t)stretch.count);
}

/* Part texts by their symbol at the depth, against one of them: less, the same, more. */
static void part(struct texts texts, struct stretch whole, struct stretch *parts) {
    int32_t *order = whole.order;
    int middle = symbol_at(texts, order[choose_pivot(whole)], whole.depth);
    int64_t low = 0, high = whole.count, at = 0;
    while (at < high) {
        int symbol = symbol_at(texts, order[at], whole.depth);
        if (symbol < middle)
            exchange(order, low++, at++);
        else if (symbol > middle)
            exchange(order, at, --high);
        else
            at++;
    }
    parts[0] = (struct stretch){order, low, whole.depth};
    parts[1] = (struct stretch){order + low, high - low, whole.depth + 1};
    parts[2] = (struct stretch){order + high, whole.count - high, whole.depth};
}

/* Sort texts of one length: multikey quicksort (Bentley and Sedgewick, 1997). It calls itself for
 * the smaller parts alone, so the calls go no deeper than the binary logarithm of the count. */
static void sort_from(struct texts texts, struct stretch whole, int64_t length) {
    while (whole.count > 1 && whole.depth < length) {
        struct stretch parts[3];
        part(texts, whole, parts);
        int largest = 0;
        for (int place = 1; place < 3; place++)
            if (parts[place].count > parts[largest].count) largest = place;
        for (int place = 0; place < 3; place++)
            if (place != largest) sort_from(texts, parts[place], length);
        whole = parts[largest];
    }
}

/* Order texts by length, and those of a length by their symbols. */
EXPORTED void sort_texts(const uint16_t *symbols, const int64_t *offsets, int64_t longest,
                         const int32_t *length_starts, int32_t *order) {
    for (int64_t length = 1; length <= longest; length++)
        sort_from((struct texts){symbols, offsets},
                  (struct stretch){order + length_starts[length],
                                   length_starts[length + 1] - length_starts[length], 0}, length);
}

/* Copy texts in another order: `offsets` says where each goes. */
EXPORTED void take_texts(const uint16_t *symbols, const int64_t *offsets, const int32_t *order, int64_t count,
                         const int64_t *taken_offsets, uint16_t *taken) {
    for (int64_t place = 0; place < count; place++)
        memcpy(taken + taken_offsets[place], symbols + offsets[order[place]],
               (taken_offsets[place + 1] - taken_offsets[place]) * sizeof *taken);
}

/* Count the symbols that each text begins with as the one before it, up to MOST_SHARED. */
EXPORTED void count_shared(const uint16_t *symbols, const int64_t *offsets, int64_t count, uint8_t *shared) {
    for (int64_t text = 0; text < count; text++) {
        const uint16_t *own = symbols + offsets[text];
        int64_t length = offsets[text + 1] - offsets[text], same = 0;
        const uint16_t *before = text ? symbols + offsets[text - 1] : own;
        int64_t length_before = text ? offsets[text] - offsets[text - 1] : 0;
        if (length == length_before)
            while (same < length && same < MOST_SHARED && own[same] == before[same]) same++;
        shared[text] = (uint8_t)same;
    }
}

static uint64_t hash_text(const uint16_t *text, int64_t length) {
    uint64_t hash = UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)length;
    for (int64_t place = 0; place < length; place++)
        hash = (hash ^ text[place]) * UINT64_C(0xD6E8FEB86659FD93), hash ^= hash >> 32;
    return hash;
}

static bool is_same(struct texts texts, int64_t text, const uint16_t *other, int64_t length) {
    return texts.offsets[text + 1] - texts.offsets[text] == length
           && !memcmp(texts.symbols + texts.offsets[text], other, length * sizeof *other);
}

/* Put each text's number into a table of `size` places, a power of two above `count`, whose free
 * places hold -1. Texts are in order: of equal ones, which stand together, only the first goes in. */
EXPORTED void hash_texts(const uint16_t *symbols, const int64_t *offsets, int64_t count, int32_t *table, int64_t size) {
    struct texts texts = {symbols, offsets};
    for (int64_t text = 0; text < count; text++) {
        int64_t length = offsets[text + 1] - offsets[text];
        if (text && is_same(texts, text - 1, symbols + offsets[text], length)) continue;
        uint64_t place = hash_text(symbols + offsets[text], length);
        while (table[place & (size - 1)] >= 0) place++;
        table[place & (size - 1)] = (int32_t)text;
    }
}

/* Texts as they were before their symbols were folded, as UTF-8; `places` by code, or NULL. */
struct originals {
    const uint8_t *blob;
    const int64_t *offsets;
    const int32_t *places;
};

static bool is_same_original(const struct originals *known, int64_t code, const struct originals *own, int64_t text) {
    int32_t place = known->places[code];
    int64_t length = known->offsets[place + 1] - known->offsets[place];
    return own->offsets[text + 1] - own->offsets[text] == length
           && !memcmp(known->blob + known->offsets[place], own->blob + own->offsets[text], length);
}

/* Find the texts equal to each given one, rising, and of those with originals the ones whose
 * originals are equal; returns how many were found, writing at most `room`. */
EXPORTED int64_t find_equal(const struct column *column, const int32_t *table, int64_t size, const uint16_t *symbols,
                            const int64_t *offsets, int64_t count, const struct originals *known,
                            const struct originals *own, int64_t *starts, int32_t *found, int64_t room) {
    struct texts texts = {column->symbols, column->offsets};
    int64_t total = 0;
    for (int64_t text = 0; text < count; text++) {
        const uint16_t *asked = symbols + offsets[text];
        int64_t length = offsets[text + 1] - offsets[text];
        starts[text] = total;
        uint64_t place = hash_text(asked, length);
        while (table[place & (size - 1)] >= 0 && !is_same(texts, table[place & (size - 1)], asked, length)) place++;
        int64_t code = table[place & (size - 1)];
        if (code < 0) continue;
        for (; code < column->distinct && is_same(texts, code, asked, length); code++) {
            if (known->places && !is_same_original(known, code, own, text)) continue;
            if (total < room) found[total] = (int32_t)code;
            total++;
        }
    }
    starts[count] = total;
    return total;
}

EXPORTED void free_workspace(struct workspace *workspace) {
    for (int64_t place = 0; place < workspace->mappings; place++) {
        struct memo *memo = &workspace->memos[place];
        free(memo->entries);
        free(memo->table);
        free(memo->tables);
        free(memo->is_filled);
        free(memo->masks);
        free(memo->bounds);
        free(memo->gathered);
        free(memo->partners);
        free(memo->pairs);
        free(memo->hit);
        free(memo->best);
    }
    free(workspace->seen);
    free(workspace->found);
    free(workspace);
}

static bool is_missing(const void *memory, int64_t size) { return size > 0 && !memory; }

/* Memory for one search at a time; NULL when there is not enough. */
EXPORTED struct workspace *make_workspace(const struct index *index) {
    struct workspace *workspace = calloc(1, sizeof *workspace);
    if (!workspace) return NULL;
    int64_t most_distinct = 0;
    bool failed = false;
    workspace->mappings = index->mappings;
    workspace->seen = calloc(index->rows, sizeof *workspace->seen);
    for (int64_t place = 0; place < index->mappings; place++) {
        const struct column *column = &index->columns[place];
        struct memo *memo = &workspace->memos[place];
        if (column->kind == WINDOW || column->kind == TABLE || (column->kind == EXACT && !(column->near > 0)))
            continue;
        int64_t distinct = column->distinct;
        if (distinct > most_distinct) most_distinct = distinct;
        memo->entries = calloc(distinct, sizeof *memo->entries);
        memo->table = malloc(SMALL_DICTIONARY * sizeof *memo->table);
        failed |= is_missing(memo->entries, distinct) || !memo->table;
        if (column->kind != TOKENS) continue;
        memo->bounds = calloc(distinct, sizeof *memo->bounds);
        memo->gathered = malloc(distinct * sizeof *memo->gathered);
        memo->partners = calloc(column->vocabulary, sizeof *memo->partners);
        failed |= is_missing(memo->bounds, distinct) || is_missing(memo->gathered, distinct);
        failed |= is_missing(memo->partners, column->vocabulary);
    }
    workspace->found = malloc(most_distinct * sizeof *workspace->found);
    failed |= is_missing(workspace->seen, index->rows) || is_missing(workspace->found, most_distinct);
    if (failed) {
        free_workspace(workspace);
        return NULL;
    }
    return workspace;
}
