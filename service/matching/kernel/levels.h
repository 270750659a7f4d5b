/* What does it cost to bring down what unseen rows can still score by one mapping?
 *
 * A move visits every row that scores at least a level by the mapping; rows it leaves out score
 * less, which is the mapping's reach from then on.
 */
#ifndef LEVELS_H
#define LEVELS_H

#include "companions.h"

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

/* Find what of the samples can come among the best, if all the other mappings score `others`. */
static inline void estimate(struct query *query, struct term *term, double others) {
    const struct column *column = term->column;
    double least = least_score(query);
    if (term->estimated_others == others && term->estimated_least == least) return;
    weigh_companions(query, term);
    term->estimated_others = others;
    term->estimated_least = least;
    term->hopeful_count = term->hopeful_spread_count = 0;
    for (int64_t drawn = 0; drawn < term->sampled_count; drawn++) {
        double most = others + term->weight * text_score(column, term->sampled[drawn]);
        if (term->sampled[drawn] < 0.0 || is_hopeless(query, most)) continue;
        for (int at = 0; at < term->companion_count; at++)
            most = narrow(&term->companions[at], most, term->companions[at].beside->column->sample[drawn]);
        if (!is_hopeless(query, most)) term->hopeful[term->hopeful_count++] = term->sampled[drawn];
    }
    for (int place = 0; place < SPREAD; place++) {
        double bound = text_score(column, term->spread[place] + SLACK);
        if (can_enter(query, term, spread_code(column, place), bound, others))
            term->hopeful_spread[term->hopeful_spread_count++] = term->spread[place];
    }
}

static inline double count_from(const double *values, int count, double least) {
    int found = 0;
    for (int at = 0; at < count; at++) found += values[at] >= least;
    return found;
}

/* The cost of a text, when those that the signatures leave are compared. */
static inline double cost_by_signature(const struct term *term, double alike) {
    const struct column *column = term->column;
    double length = (double)column->offsets[column->distinct] / (double)(column->distinct + 1);
    double left = 0.25 + count_from(term->hopeful_spread, term->hopeful_spread_count, alike);
    return COST_OF_SIGNATURE + left / (0.25 + SPREAD) * COST_OF_SYMBOL * length * (double)term->words;
}

/* The cost of a text, when beginnings are compared in order: a beginning is given up once so many
 * of its symbols find no partner that too few are left. Those it shares were compared before. */
static inline double cost_by_prefix(const struct term *term, double alike) {
    const struct column *column = term->column;
    if (!term->traced_count) return INFINITY;
    double steps = 0;
    for (int64_t traced = 0, drawn = 0; traced < term->traced_count; drawn++) {
        int64_t code = column->sample[drawn];
        if (code == MISSING || text_length(column, code) > MOST_SHARED) continue;
        int64_t length = text_length(column, code);
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

static inline bool is_by_prefix(const struct term *term, double alike) {
    return cost_by_prefix(term, alike) < cost_by_signature(term, alike);
}

/* What it costs to bring a mapping of texts down to a level, from what was estimated: how many rows
 * are visited, and how many texts compared. */
static inline double cost_of_level(const struct query *query, const struct term *term, double level) {
    const struct column *column = term->column;
    if (column->kind == EXACT && level >= column->near) return 20 + COST_OF_VISIT * rows_equal(term);
    double alike = similarity_for(column, level);
    double hits = 0.25 + count_from(term->hopeful, term->hopeful_count, alike);
    double rows = hits / (0.25 + (double)term->sampled_count) * (double)query->index->rows;
    double by_signature = cost_by_signature(term, alike), by_prefix = cost_by_prefix(term, alike);
    struct range codes = lengths_for(term, alike);
    double each = by_prefix < by_signature ? by_prefix : by_signature;
    return 50 + COST_OF_VISIT * rows + (double)(codes.end - codes.start) * each;
}

static inline void level_text(struct query *query, struct term *term) {
    const struct column *column = term->column;
    double others = reach_of_others(query, term - query->terms);
    /* A level that is enough alone: lower ones cost as much, for what is hopeless is passed over. */
    double enough = (least_score(query) - SLACK - others) / term->weight;
    estimate(query, term, others);
    if (column->kind == EXACT) add_level(term, column->near, cost_of_level(query, term, column->near));
    for (int at = 0; at < LEVEL_COUNT; at++) {
        double level = LEVELS[at];
        if (column->kind == EXACT && level >= column->near) continue;
        double reach = level < column->least ? 0.0 : level;
        add_level(term, reach, cost_of_level(query, term, level));
        if (reach == 0.0 || level < enough) return;
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

/* Of a mapping by words: what cannot come among the best, whatever the others score, costs nothing. */
static inline void level_tokens(struct query *query, struct term *term) {
    const struct column *column = term->column;
    const struct memo *memo = term->memo;
    double hits[LEVEL_COUNT] = {0}, others = reach_of_others(query, term - query->terms);
    for (int64_t found = 0; found < memo->gathered_count; found++) {
        int32_t code = memo->gathered[found];
        double bound = memo->bounds[code].score;
        if (is_hopeless(query, others + term->weight * bound)) continue;
        for (int at = LEVEL_COUNT - 1; at >= 0 && bound > LEVELS[at]; at--)
            hits[at] += column->starts[code + 1] - column->starts[code];
    }
    for (int at = 0; at < LEVEL_COUNT; at++)
        add_level(term, LEVELS[at], 50 + (double)memo->gathered_count + COST_OF_VISIT * hits[at]);
}

#endif
