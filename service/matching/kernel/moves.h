/* How is what unseen rows can still score by one mapping brought down, and what does it cost?
 *
 * A move visits every row that scores at least a level by the mapping; rows it leaves out score
 * less, which is the mapping's reach from then on.
 */
#ifndef MOVES_H
#define MOVES_H

#include "candidates.h"

/* Nanoseconds, measured on one machine: their ratios choose between moves, never the answer. */
#define COST_OF_SIGNATURE 1.3
#define COST_OF_SYMBOL 0.45
#define COST_OF_VISIT 90.0
#define COST_OF_NEXT_VISIT 60.0
#define COST_OF_BEGINNING 0.4
#define COST_OF_STEP 3.0
#define COST_OF_MISS 40.0
/* The same of brute force, a pair of a document and a row. */
#define COST_OF_CELL 8.0
#define COST_OF_BLOCK_SYMBOL 0.25
#define COST_OF_BLOCK_WORD 1.2
#define COST_OF_BLOCK_BYTE 22.0
#define COST_OF_BLOCK_TOKENS 200.0

static const double LEVELS[] = {0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.35, 0.2, 0.0};
#define LEVEL_COUNT ((int)(sizeof LEVELS / sizeof *LEVELS))

/* Whether a reference number is near enough to score a level; for 0, to score at all. Wider by
 * more than rounding can take away. */
static inline bool is_within(const struct column *column, double document, double reference, double level) {
    double distance = fabs(document - reference), tolerance = column->tolerance;
    if (column->is_relative) tolerance = fabs(reference) * tolerance;
    double width = column->is_flat ? tolerance : (2 * tolerance > TINY ? 2 * tolerance : TINY) * (1 - level);
    return distance <= width * (1 + 1e-12) + 1e-12 * (fabs(document) + fabs(reference));
}

/* The codes of the numbers within a level's window; empty ranges start where the number would. */
static inline struct range window(const struct column *column, double document, double level) {
    const double *numbers = column->numbers;
    int64_t low = 0, high = column->distinct;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (numbers[middle] < document) low = middle + 1; else high = middle;
    }
    int64_t place = low;
    struct range found;
    for (low = 0, high = place; low < high;) {
        int64_t middle = (low + high) / 2;
        if (is_within(column, document, numbers[middle], level)) high = middle; else low = middle + 1;
    }
    found.start = low;
    for (low = place, high = column->distinct; low < high;) {
        int64_t middle = (low + high) / 2;
        if (is_within(column, document, numbers[middle], level)) low = middle + 1; else high = middle;
    }
    found.end = low;
    return found;
}

static inline double rows_between(const struct column *column, struct range codes) {
    return (double)(column->starts[codes.end] - column->starts[codes.start]);
}

static inline void add_level(struct term *term, double reach, double cost) {
    if (reach >= term->reach || term->level_count == MAX_LEVELS) return;
    term->levels[term->level_count++] = (struct level){reach, cost};
}

static inline void level_window(struct term *term) {
    const struct column *column = term->column;
    double each = column->is_clustered ? COST_OF_NEXT_VISIT : COST_OF_VISIT;
    for (int at = column->is_flat ? LEVEL_COUNT - 1 : 0; at < LEVEL_COUNT; at++) {
        struct range codes = window(column, term->number, LEVELS[at]);
        add_level(term, LEVELS[at], 50 + each * rows_between(column, codes));
    }
}

static inline double rows_equal(const struct term *term) {
    const struct field *field = term->field;
    double rows = 0;
    for (int64_t at = field->equal_starts[term->value]; at < field->equal_starts[term->value + 1]; at++)
        rows += term->column->starts[field->equal[at] + 1] - term->column->starts[field->equal[at]];
    return rows;
}

/* Codes whose length allows a similarity. */
static inline struct range lengths_for(const struct term *term, double alike) {
    const struct column *column = term->column;
    int64_t low = term->length < column->longest ? term->length : column->longest, high = low;
    while (low > 0 && fewest_common(alike, term->length, low - 1) <= low - 1) low--;
    while (high < column->longest && fewest_common(alike, term->length, high + 1) <= term->length) high++;
    if (term->length > column->longest)
        while (low <= high && fewest_common(alike, term->length, high) > high) {
            if (high == low) return (struct range){0, 0};
            high--;
        }
    return (struct range){column->length_starts[low], column->length_starts[high + 1]};
}

/* The cost of a text, when those that the signatures leave are compared. */
static inline double cost_by_signature(const struct term *term, double alike) {
    const struct column *column = term->column;
    double left = 0.25, length = (double)column->offsets[column->distinct] / (double)(column->distinct + 1);
    for (int64_t drawn = 0; drawn < term->sampled_count; drawn++) left += term->sampled_bounds[drawn] >= alike;
    double compared = left / (0.25 + (double)term->sampled_count);
    return COST_OF_SIGNATURE + compared * COST_OF_SYMBOL * length * (double)term->words;
}

/* The cost of a text, when beginnings are compared in order: a beginning is given up once so many
 * of its symbols find no partner that too few are left. Those it shares were compared before. */
static inline double cost_by_prefix(const struct term *term, double alike) {
    const struct column *column = term->column;
    if (!term->traced_count) return INFINITY;
    double steps = 0;
    for (int64_t traced = 0, drawn = 0; traced < term->traced_count; drawn++) {
        int64_t code = column->sample[drawn], length = text_length(column, code);
        if (length > MOST_SHARED) continue;
        const uint8_t *misses = term->misses[traced++];
        int64_t spare = length - fewest_common(alike, term->length, length), depth = column->shared[code];
        if (spare < 0 || (depth && misses[depth - 1] > spare)) continue;
        for (; depth < length; depth++) {
            steps++;
            if (misses[depth] > spare) break;
        }
    }
    return COST_OF_BEGINNING + COST_OF_STEP * steps / (double)term->traced_count;
}

/* From the share of sampled rows that reach the level: how many rows, and how many comparisons. */
static inline void level_text(struct query *query, struct term *term) {
    const struct column *column = term->column;
    double rows = (double)query->index->rows, equal = rows_equal(term);
    if (column->kind == EXACT) add_level(term, column->near, 20 + COST_OF_VISIT * equal);
    for (int at = 0; at < LEVEL_COUNT; at++) {
        double level = LEVELS[at];
        if (column->kind == EXACT && level >= column->near) continue;
        double alike = similarity_for(column, level), hits = 0.25;
        for (int64_t drawn = 0; drawn < term->sampled_count; drawn++) hits += term->sampled[drawn] >= alike;
        double share = hits / (0.25 + (double)term->sampled_count);
        double by_signature = cost_by_signature(term, alike), by_prefix = cost_by_prefix(term, alike);
        struct range codes = lengths_for(term, alike);
        double cost = 50 + COST_OF_VISIT * (share * rows + equal)
                      + (double)(codes.end - codes.start) * (by_prefix < by_signature ? by_prefix : by_signature);
        double reach = level < column->least ? 0.0 : level;
        add_level(term, reach, cost);
        if (reach == 0.0) return;
    }
}

/* Of a mapping whose scores are all known. */
static inline void level_table(struct term *term) {
    const struct column *column = term->column;
    double hits[LEVEL_COUNT] = {0};
    for (int64_t code = 0; code < column->distinct; code++)
        for (int at = LEVEL_COUNT - 1; at >= 0 && term->table[code] > LEVELS[at]; at--)
            hits[at] += column->starts[code + 1] - column->starts[code];
    for (int at = 0; at < LEVEL_COUNT; at++)
        add_level(term, LEVELS[at], 50 + (double)column->distinct + COST_OF_VISIT * hits[at]);
}

static inline void level_tokens(struct term *term) {
    const struct column *column = term->column;
    const struct memo *memo = term->memo;
    double hits[LEVEL_COUNT] = {0};
    for (int64_t found = 0; found < memo->gathered_count; found++) {
        int32_t code = memo->gathered[found];
        for (int at = LEVEL_COUNT - 1; at >= 0 && memo->bounds[code].score > LEVELS[at]; at--)
            hits[at] += column->starts[code + 1] - column->starts[code];
    }
    for (int at = 0; at < LEVEL_COUNT; at++)
        add_level(term, LEVELS[at], 50 + (double)memo->gathered_count + COST_OF_VISIT * hits[at]);
}

/* The texts with the greatest bounds come first: they raise the least score soonest. */
static inline void visit_gathered(struct query *query, struct term *term, double level, double others) {
    const struct memo *memo = term->memo;
    double above = 2.0;
    for (int at = 0; at <= LEVEL_COUNT && above > level; at++) {
        double from = at < LEVEL_COUNT && LEVELS[at] > level ? LEVELS[at] : level;
        for (int64_t found = 0; found < memo->gathered_count; found++) {
            int32_t code = memo->gathered[found];
            double bound = memo->bounds[code].score;
            if (bound <= from || bound > above) continue;
            if (!is_hopeless(query, others + term->weight * bound)) visit_code(query, term->column, code);
        }
        above = from;
    }
}

/* Visit the rows of the codes that can score `level` by the term and so come among the best. */
static inline void visit_if_good(struct query *query, struct term *term, int64_t code, double level,
                                 double others) {
    double bound = term->memo->entries[code].score;
    if (bound < level - SLACK || bound <= 0.0) return;
    if (is_hopeless(query, others + term->weight * bound)) return;
    visit_code(query, term->column, code);
}

/* Compare the texts of one length that the signatures leave, four at a time. */
static inline void compare_found(struct query *query, struct term *term, int64_t count, int64_t length,
                                 double level, double others) {
    uint32_t stamp = query->workspace->stamp;
    const int32_t *found = query->workspace->found;
    int64_t at = 0, common[4];
    if (term->words == 1) {
        for (; at + 4 <= count; at += 4) {
            common_subsequences(term, found + at, length, common);
            for (int lane = 0; lane < 4; lane++) {
                double alike = similarity(common[lane], term->length, length);
                remember_similarity(term, found[at + lane], alike, stamp);
            }
        }
    }
    for (; at < count; at++) score(term, found[at], stamp);
    for (at = 0; at < count; at++) visit_if_good(query, term, found[at], level, others);
}

/* The first of the texts that does not share so many symbols with the one before it. Looks at
 * eight counts at a time. */
static inline int64_t skip_shared(const uint8_t *shared, int64_t code, int64_t end, int64_t dead) {
    const uint64_t HIGH = UINT64_C(0x8080808080808080), EACH = UINT64_C(0x0101010101010101);
    for (; code + 8 <= end; code += 8) {
        uint64_t counts;
        memcpy(&counts, shared + code, sizeof counts);
        if ((((counts | HIGH) - EACH * (uint64_t)dead) & HIGH) != HIGH) break;
    }
    while (code < end && shared[code] >= dead) code++;
    return code;
}

/* Compare texts in the order of their symbols, going on from what each shares with the one before
 * it; a beginning after which too few symbols are left is passed over with all that share it. */
static inline int64_t scan_prefixes(struct query *query, struct term *term, int64_t length, int64_t fewest) {
    const struct column *column = term->column;
    const uint64_t *masks = term->memo->masks;
    uint64_t states[MOST_SHARED + 1];
    int64_t code = column->length_starts[length], end = column->length_starts[length + 1], count = 0;
    states[0] = ~UINT64_C(0);
    while (code < end) {
        const uint16_t *text = column->symbols + column->offsets[code];
        int64_t depth = column->shared[code], dead = 0;
        uint64_t state = states[depth];
        int64_t common = count_zeros(state, term->length);
        while (depth < length) {
            uint64_t both = state & masks[text[depth]];
            state = (state + both) | (state - both);
            states[++depth] = state;
            common = count_zeros(state, term->length);
            if (common + length - depth < fewest) {
                dead = depth;
                break;
            }
        }
        if (dead) {
            code = skip_shared(column->shared, code + 1, end, dead);
            continue;
        }
        double alike = similarity(common, term->length, length);
        remember_similarity(term, code, alike, query->workspace->stamp);
        query->workspace->found[count++] = (int32_t)code++;
    }
    return count;
}

static inline void scan_length(struct query *query, struct term *term, int64_t length, double level,
                               double others, bool by_prefix) {
    const struct column *column = term->column;
    int64_t count = 0, end = column->length_starts[length + 1];
    double asked = (least_score(query) - SLACK - others) / term->weight;
    double alike = similarity_for(column, asked > level ? asked : level);
    int64_t fewest = fewest_common(alike, term->length, length);
    if (fewest < 1) fewest = 1;
    if (fewest > length || fewest > term->length) return;
    if (length <= MOST_SHARED && by_prefix) {
        count = scan_prefixes(query, term, length, fewest);
        for (int64_t at = 0; at < count; at++)
            visit_if_good(query, term, query->workspace->found[at], level, others);
        return;
    }
    for (int64_t code = column->length_starts[length]; code < end; code++) {
        if (most_common(term, code, length) < fewest) continue;
        query->workspace->found[count++] = (int32_t)code;
    }
    compare_found(query, term, count, length, level, others);
}

/* Lengths near the document's come first: their texts raise the least score soonest. */
static inline void scan_texts(struct query *query, struct term *term, double level, double others) {
    double alike = similarity_for(term->column, level);
    bool by_prefix = cost_by_prefix(term, alike) < cost_by_signature(term, alike);
    struct range codes = lengths_for(term, alike);
    const int32_t *starts = term->column->length_starts;
    int64_t longest = term->column->longest;
    int64_t low = term->length < longest ? term->length : longest, high = low + 1;
    while ((low >= 0 && starts[low + 1] > codes.start) || (high <= longest && starts[high] < codes.end)) {
        if (low >= 0 && starts[low + 1] > codes.start) scan_length(query, term, low, level, others, by_prefix);
        low--;
        if (high <= longest && starts[high] < codes.end) scan_length(query, term, high, level, others, by_prefix);
        high++;
    }
}

static inline void visit_equal(struct query *query, const struct term *term, int64_t most_rows) {
    const struct field *field = term->field;
    const struct column *column = term->column;
    for (int64_t at = field->equal_starts[term->value]; at < field->equal_starts[term->value + 1]; at++) {
        int64_t start = column->starts[field->equal[at]], count = column->starts[field->equal[at] + 1] - start;
        visit_all(query, column->rows + start, count < most_rows ? count : most_rows);
    }
}

/* Carry out a move. `others` is what unseen rows can score by the other mappings. */
static inline void lower(struct query *query, struct term *term, double level, double others) {
    const struct column *column = term->column;
    if (term->table) {
        for (int64_t code = 0; code < column->distinct; code++)
            if (term->table[code] > level && !is_hopeless(query, others + term->weight * term->table[code]))
                visit_code(query, column, code);
    } else if (column->kind == WINDOW) {
        struct range codes = window(column, term->number, level);
        visit_all(query, column->rows + column->starts[codes.start], (int64_t)rows_between(column, codes));
    } else if (column->kind == TOKENS) {
        visit_gathered(query, term, level, others);
    } else {
        visit_equal(query, term, INT64_MAX);
        if (is_compared_as_text(column) && !(column->kind == EXACT && level >= column->near))
            scan_texts(query, term, level, others);
    }
    visit_waiting(query);
    term->reach = level;
}

#endif
