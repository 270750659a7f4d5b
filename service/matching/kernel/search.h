/* Which rows match each document of a batch best? The same rows and the same bits as comparing
 * every document with every row, mapping by mapping in their order.
 */
#ifndef SEARCH_H
#define SEARCH_H

#include "plan.h"

/* Stands for the first position of a document that brute force searches faster. */
#define LEFT_TO_BRUTE_FORCE (-2)
#define SEED_ROWS 16

/* Take a table of the scores of all codes. */
static void take_table(struct term *term, const double *table) {
    term->table = table;
    term->best = 0.0;
    for (int64_t code = 0; code < term->column->distinct; code++)
        if (table[code] > term->best) term->best = table[code];
}

static double *table_of(const struct term *term) {
    const struct memo *memo = term->memo;
    return memo->keeps_tables ? memo->tables + term->value * term->column->distinct : memo->table;
}

static void fill_table(struct term *term, uint32_t stamp) {
    double *table = table_of(term);
    for (int64_t code = 0; code < term->column->distinct; code++) table[code] = score(term, code, stamp);
    if (term->memo->keeps_tables) term->memo->is_filled[term->value] = true;
    take_table(term, table);
}

static int open_text(struct query *query, struct term *term) {
    const struct column *column = term->column;
    const struct field *field = term->field;
    term->text = field->symbols + field->offsets[term->value];
    term->length = field->offsets[term->value + 1] - field->offsets[term->value];
    term->words = term->length > 64 ? (term->length + 63) / 64 : 1;
    term->excess = term->length - sign(column->bit_starts, term->text, term->length, term->signature);
    if (set_masks(term) < 0) return -1;
    uint32_t stamp = query->workspace->stamp;
    if (column->distinct <= SMALL_DICTIONARY) {
        fill_table(term, stamp);
        return 0;
    }
    term->best = has_equal(term) || column->kind == FUZZY ? 1.0 : column->near;
    for (int64_t drawn = 0; drawn < column->sample_size; drawn++) {
        int64_t code = column->sample[drawn];
        term->sampled[drawn] = -1.0;
        if (code == MISSING) continue;
        int64_t length = text_length(column, code);
        term->sampled[drawn] = similarity(common_subsequence(term, code), term->length, length);
    }
    for (int place = 0; place < SPREAD; place++) {
        int64_t code = spread_code(column, place), length = text_length(column, code);
        term->spread[place] = similarity(most_common(term, code, length), term->length, length);
    }
    term->sampled_count = column->sample_size;
    trace_sample(term);
    return 0;
}

static int open_tokens(struct query *query, struct term *term) {
    const struct column *column = term->column;
    struct memo *memo = term->memo;
    uint32_t stamp = query->workspace->stamp;
    if (pair_tokens(term, stamp) < 0) return -1;
    gather(term, stamp);
    term->best = 0.0;
    if (column->distinct <= SMALL_DICTIONARY) {
        fill_table(term, stamp);
        return 0;
    }
    for (int64_t at = 0; at < memo->gathered_count; at++) {
        double bound = memo->bounds[memo->gathered[at]].score;
        if (bound > term->best) term->best = bound;
    }
    return 0;
}

static int open_term(struct query *query, struct term *term) {
    const struct column *column = term->column;
    term->table = NULL;
    term->level_count = 0;
    term->sampled_count = 0;
    term->companion_count = 0;
    term->estimated_least = -1.0;
    term->best = 1.0;
    if (column->kind == WINDOW) {
        term->number = term->field->numbers[term->value];
        struct range codes = window(column, term->number, 0.0);
        if (codes.start == codes.end) term->best = 0.0;
    } else if (column->kind == TABLE) {
        take_table(term, term->field->table + term->value * column->distinct);
    } else if (is_dear(column) && term->memo->keeps_tables && term->memo->is_filled[term->value]) {
        take_table(term, table_of(term));
    } else if (column->kind == TOKENS) {
        if (open_tokens(query, term) < 0) return -1;
    } else if (is_compared_as_text(column)) {
        if (open_text(query, term) < 0) return -1;
    } else {
        term->best = has_equal(term) ? 1.0 : 0.0;
    }
    term->reach = term->best;
    term->floor = column->starts[column->distinct] < query->index->rows ? query->lacking : 0.0;
    return 0;
}

static void level(struct query *query, struct term *term) {
    if (term->table)
        level_table(term);
    else if (term->column->kind == WINDOW)
        level_window(term);
    else if (term->column->kind == TOKENS)
        level_tokens(query, term);
    else if (is_compared_as_text(term->column))
        level_text(query, term);
    else
        add_level(term, 0.0, 20 + COST_OF_VISIT * rows_equal(term));
}

/* Of a mapping with known scores or bounds, the rows of the best codes: some, and enough of them. */
static void seed_best(struct query *query, const struct term *term) {
    static const double PARTS_OF_BEST[] = {0.95, 0.8, 0.6, 0.3};
    const struct memo *memo = term->memo;
    const struct column *column = term->column;
    int64_t count = term->table ? column->distinct : memo->gathered_count, rows = 0;
    for (int part = 0; part < 4 && rows < MAX_CANDIDATES; part++) {
        double least = term->best * PARTS_OF_BEST[part];
        for (int64_t at = 0; at < count && rows < SEED_ROWS; at++) {
            int32_t code = term->table ? (int32_t)at : memo->gathered[at];
            if ((term->table ? term->table[code] : memo->bounds[code].score) < least) continue;
            int64_t start = column->starts[code], found = column->starts[code + 1] - start;
            visit_all(query, column->rows + start, found < SEED_ROWS ? found : SEED_ROWS);
            rows += found;
        }
    }
}

/* Of a mapping of texts, the rows of the most similar of the sample: some, and enough of them. */
static void seed_sampled(struct query *query, const struct term *term) {
    const struct column *column = term->column;
    double below = 2.0;
    for (int64_t rows = 0; rows < MAX_CANDIDATES && term->sampled_count;) {
        double best = 0.0;
        for (int64_t drawn = 0; drawn < term->sampled_count; drawn++)
            if (term->sampled[drawn] > best && term->sampled[drawn] < below) best = term->sampled[drawn];
        if (best <= 0.0) return;
        for (int64_t drawn = 0; drawn < term->sampled_count && rows < SEED_ROWS; drawn++) {
            if (term->sampled[drawn] != best) continue;
            int64_t start = column->starts[column->sample[drawn]];
            int64_t count = column->starts[column->sample[drawn] + 1] - start;
            visit_all(query, column->rows + start, count < SEED_ROWS ? count : SEED_ROWS);
            rows += count;
        }
        below = best;
    }
}

/* Visit some rows that are likely good, so that the least score is high when the search begins. */
static void seed(struct query *query) {
    for (int64_t at = 0; at < query->count; at++) {
        struct term *term = &query->terms[at];
        const struct column *column = term->column;
        if (column->kind == EXACT || column->kind == FUZZY) visit_equal(query, term, 4 * SEED_ROWS);
        if (column->kind == WINDOW) {
            struct range codes = window(column, term->number, 0.9);
            int64_t start = column->starts[codes.start], count = column->starts[codes.end] - start;
            int64_t skipped = count > SEED_ROWS ? (count - SEED_ROWS) / 2 : 0;
            visit_all(query, column->rows + start + skipped, count < SEED_ROWS ? count : SEED_ROWS);
        }
        if ((column->kind == TOKENS || term->table) && term->best > 0) seed_best(query, term);
        seed_sampled(query, term);
    }
    visit_waiting(query);
}

static void add_dear(struct query *query, int at) {
    int place = query->dear_count++;
    for (; place > 0 && query->terms[query->dear[place - 1]].weight < query->terms[at].weight; place--)
        query->dear[place] = query->dear[place - 1];
    query->dear[place] = at;
}

static int open_query(struct query *query, const struct batch *batch, int64_t document) {
    const struct index *index = query->index;
    query->document = document;
    query->count = 0;
    query->dear_count = 0;
    query->waiting_count = 0;
    query->weights = batch->weights + document * index->mappings;
    query->lacking = batch->lacking;
    for (int place = 0; place < MAX_CANDIDATES; place++) {
        query->scores[place] = 0.0;
        query->rows[place] = -1;
    }
    int failed = 0;
    for (int64_t place = 0; place < index->mappings; place++) {
        int32_t value = batch->fields[place].codes[document];
        if (value == MISSING) continue;
        struct term *term = &query->terms[query->count++];
        term->column = &index->columns[place];
        term->field = &batch->fields[place];
        term->memo = &query->workspace->memos[place];
        term->place = place;
        term->weight = query->weights[place];
        term->value = value;
        term->length = 0;
        if (open_term(query, term) < 0) failed = -1;
        term->is_dear = is_dear(term->column) && !term->table;
        if (term->is_dear) add_dear(query, (int)(query->count - 1));
    }
    return failed;
}

static void close_query(struct query *query) {
    for (int64_t at = 0; at < query->count; at++)
        if (is_compared_as_text(query->terms[at].column) && query->terms[at].memo->masks)
            clear_masks(&query->terms[at]);
}

static void leave_out(struct query *query, const struct batch *batch) {
    for (int64_t at = batch->excluded_starts[query->document];
         at < batch->excluded_starts[query->document + 1]; at++)
        query->workspace->seen[batch->excluded[at]] = query->workspace->stamp;
}

/* Stamps come round after four billion documents: then nothing must look known. */
static void take_stamp(struct workspace *workspace, const struct index *index) {
    if (++workspace->stamp) return;
    memset(workspace->seen, 0, index->rows * sizeof *workspace->seen);
    for (int64_t place = 0; place < workspace->mappings; place++) {
        struct memo *memo = &workspace->memos[place];
        const struct column *column = &index->columns[place];
        if (memo->entries) memset(memo->entries, 0, column->distinct * sizeof *memo->entries);
        if (memo->bounds) memset(memo->bounds, 0, column->distinct * sizeof *memo->bounds);
        if (memo->partners) memset(memo->partners, 0, column->vocabulary * sizeof *memo->partners);
    }
    workspace->stamp = 1;
}

/* Where values occur often, what a small dictionary scores is worked out once for each of them. */
static int prepare_tables(const struct index *index, const struct batch *batch, struct workspace *workspace) {
    for (int64_t place = 0; place < index->mappings; place++) {
        const struct column *column = &index->columns[place];
        struct memo *memo = &workspace->memos[place];
        int64_t values = batch->fields[place].values, size = values * column->distinct;
        bool is_small = is_dear(column) && column->distinct <= SMALL_DICTIONARY;
        memo->keeps_tables = is_small && 2 * values <= batch->documents;
        if (!memo->keeps_tables) continue;
        if (grow((void **)&memo->tables, &memo->tables_size, size, sizeof *memo->tables)) return -1;
        if (grow((void **)&memo->is_filled, &memo->is_filled_size, values, sizeof *memo->is_filled)) return -1;
        if (values) memset(memo->is_filled, 0, values * sizeof *memo->is_filled);
    }
    return 0;
}

/* What each mapping scores for the rows that were kept: [MAX_CANDIDATES, mappings]. */
static void explain(struct query *query, double *field_scores) {
    int64_t mappings = query->index->mappings;
    memset(field_scores, 0, MAX_CANDIDATES * mappings * sizeof *field_scores);
    for (int place = 0; place < MAX_CANDIDATES && query->rows[place] >= 0; place++) {
        const int32_t *cells = cells_of(query, query->rows[place]);
        for (int64_t at = 0; at < query->count; at++) {
            struct term *term = &query->terms[at];
            int32_t code = cells[term->place];
            double found = code == MISSING ? query->lacking : score(term, code, query->workspace->stamp);
            field_scores[place * mappings + term->place] = found;
        }
    }
}

/* Fill positions (LEFT_TO_BRUTE_FORCE: not searched) and scores [documents, MAX_CANDIDATES] and field_scores [documents,
 * MAX_CANDIDATES, mappings]; returns the rows visited, -1 when memory ran out. */
int64_t SEARCH(const struct index *index, const struct batch *batch, struct workspace *workspace,
               int64_t *positions, double *scores, double *field_scores) {
    static const struct query EMPTY;
    if (prepare_tables(index, batch, workspace) < 0) return -1;
    struct query *query = malloc(sizeof *query);
    if (!query) return -1;
    *query = EMPTY;
    query->index = index;
    query->workspace = workspace;
    int64_t visits = 0;
    for (int64_t document = 0; document < batch->documents; document++) {
        take_stamp(workspace, index);
        int failed = open_query(query, batch, document);
        if (!failed) {
            leave_out(query, batch);
            seed(query);
            for (int64_t at = 0; at < query->count; at++) join_companions(query, &query->terms[at]);
            for (int64_t at = 0; at < query->count; at++) level(query, &query->terms[at]);
            bool is_done = search_document(query);
            for (int place = 0; place < MAX_CANDIDATES; place++) {
                int32_t row = query->rows[place];
                positions[document * MAX_CANDIDATES + place] = row < 0 ? -1 : index->order[row];
                scores[document * MAX_CANDIDATES + place] = query->scores[place];
            }
            if (!is_done) positions[document * MAX_CANDIDATES] = LEFT_TO_BRUTE_FORCE;
            explain(query, field_scores + document * MAX_CANDIDATES * index->mappings);
        }
        close_query(query);
        if (failed) {
            free(query);
            return -1;
        }
    }
    visits = query->visits;
    free(query);
    return visits;
}

#endif
