/* Which mappings are brought down how far, so that no unseen row can come among the best?
 *
 * A choice of one level for each mapping, such that the reaches times the weights sum to less than
 * the least score kept, at the least cost: a knapsack over the sum, cut into PARTS.
 */
#ifndef PLAN_H
#define PLAN_H

#include "moves.h"

#define PARTS 96

/* Whether a row not seen yet may agree in the mapping. */
static inline bool is_open(const struct term *term) { return term->weight * term->reach > 0.0; }

static inline bool is_finished(const struct query *query) {
    bool is_any_open = false;
    for (int64_t at = 0; at < query->count; at++) is_any_open |= is_open(&query->terms[at]);
    return !is_any_open || reach_of_others(query, -1) < least_score(query) - SLACK;
}

/* The part of the sum that a level takes, rounded up; PARTS when it takes too much. */
static inline int parts_of(double reach, double room) {
    if (reach <= 0.0) return 0;
    if (reach >= room) return PARTS;
    return (int)ceil(reach / room * PARTS);
}

/* Where a level is the cheapest way to a sum, note it. Without branches: several parts at once. */
static inline void offer_level(const float *costs, float *next, int32_t *choices, int level, int parts, float cost) {
    for (int part = parts; part < PARTS; part++) {
        float offered = costs[part - parts] + cost;
        bool is_cheaper = offered < next[part];
        next[part] = is_cheaper ? offered : next[part];
        choices[part] = is_cheaper ? level : choices[part];
    }
}

/* Choose levels; chosen[term] is a place in its levels, or -1 to leave it. Returns the cost, or
 * INFINITY when no choice is enough. */
static inline double choose(const struct query *query, int *chosen) {
    float costs[PARTS], next[PARTS];
    int32_t choices[MAX_MAPPINGS][PARTS];
    double room = least_score(query) - 2 * SLACK;
    for (int part = 0; part < PARTS; part++) costs[part] = part ? INFINITY : 0.0f;
    for (int64_t at = 0; at < query->count; at++) {
        const struct term *term = &query->terms[at];
        for (int part = 0; part < PARTS; part++) next[part] = INFINITY, choices[at][part] = -1;
        for (int level = -1; level < term->level_count; level++) {
            double reach = level < 0 ? term->reach : term->levels[level].reach;
            double cost = level < 0 ? 0.0 : term->levels[level].cost;
            if (level >= 0 && reach >= term->reach) continue;
            offer_level(costs, next, choices[at], level, parts_of(weighted(term, reach), room), (float)cost);
        }
        memcpy(costs, next, sizeof costs);
    }
    int best = 0;
    for (int part = 1; part < PARTS; part++)
        if (costs[part] < costs[best]) best = part;
    if (costs[best] == INFINITY) return INFINITY;
    for (int64_t at = query->count - 1, part = best; at >= 0; at--) {
        const struct term *term = &query->terms[at];
        int level = chosen[at] = choices[at][part];
        part -= parts_of(weighted(term, level < 0 ? term->reach : term->levels[level].reach), room);
    }
    return costs[best];
}

/* Choose to visit every row that agrees in anything; the cost is like that of `choose`. */
static inline double choose_all(const struct query *query, int *chosen) {
    double cost = 0.0;
    for (int64_t at = 0; at < query->count; at++) {
        const struct term *term = &query->terms[at];
        chosen[at] = -1;
        if (!is_open(term)) continue;
        int last = term->level_count - 1;
        if (last < 0 || term->levels[last].reach > 0.0) return INFINITY;
        chosen[at] = last;
        cost += term->levels[last].cost;
    }
    return cost;
}

/* Choose to bring one mapping of texts down so far that no unseen row is left to be good, whatever
 * the others score; returns the cost. */
static inline double choose_one(struct query *query, int64_t *chosen, double *level) {
    double least = INFINITY;
    for (int64_t at = 0; at < query->count; at++) {
        struct term *term = &query->terms[at];
        if (!is_compared_as_text(term->column) || term->table || !is_open(term)) continue;
        double others = reach_of_others(query, at);
        double asked = (least_score(query) - 2 * SLACK - others) / term->weight;
        if (asked < term->floor || asked <= 0.0 || asked >= term->reach) continue;
        estimate(query, term, others);
        double cost = cost_of_level(query, term, asked);
        if (!(cost < least)) continue;
        least = cost;
        *chosen = at;
        *level = asked;
    }
    return least;
}

/* Carry out the cheapest move of the plan; it may make the others cheaper or needless. */
static inline void make_first_move(struct query *query, const int *chosen) {
    int64_t first = -1;
    double least = INFINITY;
    for (int64_t at = 0; at < query->count; at++) {
        const struct term *term = &query->terms[at];
        if (chosen[at] >= 0 && term->levels[chosen[at]].cost < least) {
            least = term->levels[chosen[at]].cost;
            first = at;
        }
    }
    struct term *term = &query->terms[first];
    lower(query, term, term->levels[chosen[first]].reach, reach_of_others(query, first));
}

static inline void visit_every_row(struct query *query) {
    for (int32_t row = 0; row < query->index->rows; row++) visit_all(query, &row, 1);
    visit_waiting(query);
}

static inline double symbols_of(const struct column *column) { return (double)column->offsets[column->distinct]; }

static inline double words_of(const struct term *term) {
    int64_t length = term->field->offsets[term->value + 1] - term->field->offsets[term->value];
    return length > 64 ? (double)((length + 63) / 64) : 1.0;
}

/* What comparing by a mapping costs brute force: each distinct value, also those known here. */
static inline double cost_of_block(const struct term *term) {
    const struct column *column = term->column;
    if (column->kind == TABLE) return COST_OF_BLOCK_BYTE * (double)column->bytes;
    if (column->kind == TOKENS) return COST_OF_BLOCK_TOKENS * (double)column->distinct;
    if (!is_compared_as_text(column)) return 0.0;
    double words = words_of(term);
    return (words > 1.0 ? COST_OF_BLOCK_WORD * words : COST_OF_BLOCK_SYMBOL) * symbols_of(column);
}

/* The same row by row, here. */
static inline double cost_of_rows(const struct term *term, double rows) {
    const struct column *column = term->column;
    if (!term->is_dear) return 0.0;
    if (column->kind == TOKENS) return COST_OF_MISS * rows;
    double length = symbols_of(column) / (double)(column->distinct + 1);
    return rows * (COST_OF_MISS + COST_OF_SYMBOL * length * words_of(term));
}

/* Nanoseconds to compare every row: here, row by row and mapping by mapping, and by brute force,
 * which compares the distinct texts of a block of documents at once. */
static inline double cost_of_every_row(const struct query *query, bool by_brute_force) {
    double rows = (double)query->index->rows;
    double cost = by_brute_force ? COST_OF_CELL * (double)query->index->mappings * rows : COST_OF_NEXT_VISIT * rows;
    for (int64_t at = 0; at < query->count; at++) {
        const struct term *term = &query->terms[at];
        cost += by_brute_force ? cost_of_block(term) : cost_of_rows(term, rows);
    }
    return cost;
}

/* Returns false when comparing every row by brute force costs least. */
static inline bool search_document(struct query *query) {
    double all = cost_of_every_row(query, false), by_brute_force = cost_of_every_row(query, true);
    while (!is_finished(query)) {
        int chosen[MAX_MAPPINGS], all_open[MAX_MAPPINGS];
        double cost = choose(query, chosen), cost_of_open = choose_all(query, all_open);
        bool is_open_best = cost_of_open < cost;
        if (is_open_best) cost = cost_of_open;
        int64_t one = -1;
        double level = 0.0, cost_of_one = choose_one(query, &one, &level);
        bool is_one_best = cost_of_one <= cost;
        if (is_one_best) cost = cost_of_one;
        if (by_brute_force < cost && by_brute_force < all) return false;
        if (!(cost < all)) {
            visit_every_row(query);
            return true;
        }
        if (is_one_best)
            lower(query, &query->terms[one], level, reach_of_others(query, one));
        else
            make_first_move(query, is_open_best ? all_open : chosen);
    }
    return true;
}

#endif
