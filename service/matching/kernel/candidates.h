/* Which rows score best so far, and can this row still come among them? */
#ifndef CANDIDATES_H
#define CANDIDATES_H

#include "scores.h"

static inline bool is_hopeless(const struct query *query, double most) {
    return most < least_score(query) - SLACK;
}

/* Keep the row if it is among the best: by score, then by position in the reference data. */
static inline void keep(struct query *query, int32_t row, double total) {
    const int32_t *order = query->index->order;
    int place = MAX_CANDIDATES - 1;
    if (total <= 0.0 || total < query->scores[place]) return;
    if (total == query->scores[place] && order[row] > order[query->rows[place]]) return;
    for (; place > 0; place--) {
        double above = query->scores[place - 1];
        if (above > total || (above == total && order[query->rows[place - 1]] < order[row])) break;
        query->scores[place] = above;
        query->rows[place] = query->rows[place - 1];
    }
    query->scores[place] = total;
    query->rows[place] = row;
}

/* Rows on their way through a visit: each step asks for the memory that the next one reads. */
struct block {
    int32_t rows[BLOCK];
    double most[BLOCK];
    double scores[BLOCK][MAX_MAPPINGS];
    int count;
};

static inline const int32_t *cells_of(const struct query *query, int32_t row) {
    return query->index->cells + (int64_t)row * query->index->mappings;
}

/* Score what costs little, and bound the texts: a row not seen yet scores at most the reach. */
static inline void score_cheap(struct query *query, struct block *block, int32_t row) {
    struct workspace *workspace = query->workspace;
    if (workspace->seen[row] == workspace->stamp) return;
    workspace->seen[row] = workspace->stamp;
    query->visits++;
    const int32_t *cells = cells_of(query, row);
    double *scores = block->scores[block->count], most = 0.0;
    for (int64_t at = 0; at < query->count; at++) {
        struct term *term = &query->terms[at];
        int32_t code = cells[term->place];
        if (code == MISSING)
            scores[at] = query->lacking;
        else
            scores[at] = term->is_dear ? term->reach : score(term, code, workspace->stamp);
        most += term->weight * scores[at];
    }
    if (is_hopeless(query, most)) return;
    for (int at = 0; at < query->dear_count; at++) {
        const struct term *term = &query->terms[query->dear[at]];
        int32_t code = cells[term->place];
        if (code == MISSING) continue;
        __builtin_prefetch(&term->memo->entries[code]);
        __builtin_prefetch(&term->column->signatures[code * SIGNATURE_WORDS]);
        __builtin_prefetch(&term->column->offsets[code]);
    }
    block->rows[block->count] = row;
    block->most[block->count++] = most;
}

/* Bound the texts; returns whether the row can still come among the best. */
static inline bool bound_texts(struct query *query, int32_t row, double *scores, double *most) {
    const int32_t *cells = cells_of(query, row);
    for (int at = 0; at < query->dear_count; at++) {
        struct term *term = &query->terms[query->dear[at]];
        int32_t code = cells[term->place];
        if (code == MISSING) continue;
        double bound = most_score(term, code, query->workspace->stamp);
        double *known = &scores[query->dear[at]];
        if (bound < *known) {
            *most -= term->weight * (*known - bound);
            *known = bound;
        }
    }
    if (is_hopeless(query, *most)) return false;
    for (int at = 0; at < query->dear_count; at++) {
        const struct term *term = &query->terms[query->dear[at]];
        int32_t code = cells[term->place];
        if (code != MISSING && term->column->kind != TOKENS)
            __builtin_prefetch(&term->column->symbols[term->column->offsets[code]]);
    }
    return true;
}

/* Whether a value that the row has counts for it; what it lacks makes no candidate. */
static inline bool is_agreeing(const struct query *query, int32_t row, const double *scores) {
    const int32_t *cells = cells_of(query, row);
    for (int64_t at = 0; at < query->count; at++) {
        const struct term *term = &query->terms[at];
        if (cells[term->place] != MISSING && term->weight * scores[at] > 0.0) return true;
    }
    return false;
}

/* Score the texts, heaviest first, as long as the row can come among the best. */
static inline void score_texts(struct query *query, int32_t row, double *scores, double most) {
    const int32_t *cells = cells_of(query, row);
    for (int at = 0; at < query->dear_count; at++) {
        if (is_hopeless(query, most)) return;
        struct term *term = &query->terms[query->dear[at]];
        int32_t code = cells[term->place];
        if (code == MISSING) continue;
        double exact = score(term, code, query->workspace->stamp);
        most -= term->weight * (scores[query->dear[at]] - exact);
        scores[query->dear[at]] = exact;
    }
    double total = 0.0;
    for (int64_t at = 0; at < query->count; at++) total += query->terms[at].weight * scores[at];
    if (is_agreeing(query, row, scores)) keep(query, row, total);
}

/* Score the rows that wait, unless they were seen before or turn out hopeless on the way. */
static inline void visit_waiting(struct query *query) {
    struct block block;
    bool is_left[BLOCK];
    block.count = 0;
    for (int at = 0; at < query->waiting_count; at++) score_cheap(query, &block, query->waiting[at]);
    for (int at = 0; at < block.count; at++)
        is_left[at] = bound_texts(query, block.rows[at], block.scores[at], &block.most[at]);
    for (int at = 0; at < block.count; at++)
        if (is_left[at]) score_texts(query, block.rows[at], block.scores[at], block.most[at]);
    query->waiting_count = 0;
}

/* Have rows visited, soon: until visit_waiting they may wait for others. */
static inline void visit_all(struct query *query, const int32_t *rows, int64_t count) {
    for (int64_t at = 0; at < count; at++) {
        __builtin_prefetch(&query->workspace->seen[rows[at]], 1);
        __builtin_prefetch(cells_of(query, rows[at]));
        query->waiting[query->waiting_count++] = rows[at];
        if (query->waiting_count == BLOCK) visit_waiting(query);
    }
}

static inline void visit_code(struct query *query, const struct column *column, int64_t code) {
    visit_all(query, column->rows + column->starts[code], column->starts[code + 1] - column->starts[code]);
}

#endif
