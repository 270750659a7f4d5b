/* What do the parts of the search share? The index and the documents as Python lays them out, and
 * what is worked out for the document at hand.
 *
 * Structures that Python fills hold 8-byte members alone, so that both sides agree on their layout.
 */
#ifndef TYPES_H
#define TYPES_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CANDIDATES 5
#define MAX_MAPPINGS 32
#define SIGNATURE_WORDS 2
#define MAX_SAMPLE 256
#define MAX_TRACED 32
#define MAX_LEVELS 12
#define BLOCK 64
#define SMALL_DICTIONARY 256
#define MOST_SHARED 127
#define SPREAD 32
#define MOST_COMPANIONS 2
#define GROUPS 64
#define GROUP_STEPS 64
#define MISSING (-1)

/* Bounds are slackened by this, so that rounding never leaves out a row that belongs in. */
#define SLACK 1e-9

enum kind { EXACT = 0, FUZZY = 1, WINDOW = 2, TABLE = 3, TOKENS = 4 };

/* A mapping's reference column. Codes number its distinct values: of EXACT and FUZZY by rising
 * length of the text, of WINDOW by rising number. */
struct column {
    int64_t kind;
    int64_t distinct;
    const int32_t *starts; /* [distinct + 1] into rows */
    const int32_t *rows;   /* rows by code */
    const double *numbers; /* WINDOW: [distinct] */
    const int64_t *offsets; /* texts: [distinct + 1] into symbols */
    const uint16_t *symbols;
    const uint64_t *signatures; /* [distinct, SIGNATURE_WORDS] */
    const uint8_t *shared; /* symbols a text begins with as the one before it, of its length */
    const int32_t *length_starts; /* [longest + 2]: first code of each length */
    int64_t longest;
    int64_t alphabet; /* symbols are 1 to alphabet; 0 stands for any other character */
    const uint8_t *bit_starts; /* [alphabet + 2]: signature bits of each symbol */
    const int32_t *sample; /* codes of rows drawn at random, the same for all columns */
    int64_t sample_size;
    const double *masses; /* TOKENS: [vocabulary] */
    const int32_t *token_starts; /* TOKENS: [distinct + 1] into tokens */
    const int32_t *tokens; /* rising in each text */
    const int32_t *text_starts; /* TOKENS: [vocabulary + 1] into texts */
    const int32_t *texts; /* codes by token */
    int64_t vocabulary;
    const double *text_masses; /* TOKENS: [distinct] */
    double near; /* EXACT: most credit for a near miss, 0 for none */
    double near_from; /* the similarity at which credit begins */
    double least; /* FUZZY, TOKENS: lower similarities count 0 */
    double tolerance; /* WINDOW: absolute, or share of the reference number */
    int64_t is_relative;
    int64_t is_flat;
    int64_t is_clustered; /* rows stand in the order of this column's codes */
    int64_t bytes; /* TABLE: of all distinct texts */
    const int64_t *companion_places; /* [companion_count] mappings with few values */
    const uint64_t *companions; /* [companion_count, distinct] groups of their values beside a text */
    int64_t companion_count;
};

struct index {
    int64_t rows;
    int64_t mappings;
    const struct column *columns;
    const int32_t *cells; /* [rows, mappings] codes */
    const int32_t *order; /* [rows] positions in the reference data */
};

struct range {
    int64_t start, end;
};

/* A mapping's side of a batch of documents. */
struct field {
    const int32_t *codes; /* [documents] */
    const double *numbers; /* [values] */
    const int64_t *offsets; /* [values + 1] */
    const uint16_t *symbols;
    const int64_t *equal_starts; /* [values + 1] into equal */
    const int32_t *equal; /* codes of the reference that equal the value */
    const double *table; /* TABLE: [values, distinct] scores */
    const int64_t *token_starts; /* TOKENS: [values + 1] into tokens */
    const int32_t *tokens; /* numbers of the batch's tokens, in the order of their texts */
    const double *masses; /* [batch tokens] */
    const int64_t *partner_starts; /* [batch tokens + 1] */
    const int32_t *partners; /* vocabulary, rising */
    const double *partner_scores;
    int64_t values; /* how many distinct ones the documents have */
};

struct batch {
    int64_t documents;
    const struct field *fields;
    const double *weights; /* [documents, mappings] */
    const int64_t *excluded_starts; /* [documents + 1] into excluded */
    const int32_t *excluded; /* rows */
    double lacking; /* what a value that the row lacks scores */
};

/* Memory of one search at a time, kept between searches. Stamps tell this document's entries. */
struct entry {
    double score;
    uint64_t stamp;
};

/* A token of the vocabulary that is like some of the document's: its best, and its pairs. */
struct partner {
    double best;
    uint32_t stamp;
    int32_t first;
};

struct pair {
    double alike;
    int32_t own; /* place among the document's tokens */
    int32_t next; /* of the same partner, or -1 */
};

struct memo {
    struct entry *entries; /* [distinct] */
    double *table; /* [SMALL_DICTIONARY] */
    bool keeps_tables; /* of values that many documents have */
    double *tables; /* [values, distinct]: grows */
    int64_t tables_size;
    bool *is_filled; /* [values]: grows */
    int64_t is_filled_size;
    struct entry *bounds; /* TOKENS: [distinct] */
    int32_t *gathered; /* codes with a bound */
    int64_t gathered_count;
    struct partner *partners; /* TOKENS: [vocabulary] */
    struct pair *pairs; /* grows */
    int64_t pairs_size;
    int32_t *hit; /* partners: grows */
    int64_t hit_size;
    int64_t hit_count;
    double *best; /* of the document's tokens: grows */
    int64_t best_size;
    uint64_t *masks; /* [alphabet + 1, words] */
    int64_t masks_size;
};

struct workspace {
    uint32_t stamp;
    uint32_t *seen; /* [rows] */
    struct memo memos[MAX_MAPPINGS];
    int64_t mappings;
    int32_t *found; /* codes: grows */
};

/* What a row not seen yet can still score by a mapping, and what it costs to get there. */
struct level {
    double reach;
    double cost;
};

/* A mapping with few values beside one with many texts: what rows not seen can score by it. */
struct companion {
    struct term *beside;
    const uint64_t *groups; /* [distinct] of the texts */
    double reach; /* of the mapping, for which the following is worked out */
    double most; /* weighted, like the following */
    double scores[SMALL_DICTIONARY + 1]; /* by code; of rows without a value in the first place */
    double steps; /* for a score of 1 */
    uint64_t reaching[GROUP_STEPS]; /* groups that score at least so many steps */
};

/* One mapping for the document at hand. */
struct term {
    const struct column *column;
    const struct field *field;
    struct memo *memo;
    int64_t place; /* of the mapping */
    bool is_dear;
    double weight;
    double best; /* the greatest score any row can have */
    double reach; /* the greatest score a row not seen can have, if it has a value */
    double floor; /* what a row scores without one; 0 when all have one */
    int64_t value;
    double number;
    const uint16_t *text;
    int64_t length;
    int64_t words;
    uint64_t signature[SIGNATURE_WORDS];
    int64_t excess; /* symbols beyond the signature */
    const double *table; /* [distinct] scores, when all are known */
    double token_mass;
    double sampled[MAX_SAMPLE]; /* similarities of the sample; of rows without a value -1 */
    int64_t sampled_count;
    double spread[SPREAD]; /* bounds by signature of texts far apart: see spread_code */
    double hopeful[MAX_SAMPLE], hopeful_spread[SPREAD]; /* those that can come among the best */
    int hopeful_count, hopeful_spread_count;
    double estimated_others, estimated_least; /* for which they were worked out */
    struct companion companions[MOST_COMPANIONS];
    int companion_count;
    uint8_t misses[MAX_TRACED][MOST_SHARED + 1]; /* after so many symbols of the sample's first */
    int64_t traced_count;
    struct level levels[MAX_LEVELS];
    int64_t level_count;
};

struct query {
    const struct index *index;
    struct workspace *workspace;
    struct term terms[MAX_MAPPINGS];
    int64_t count;
    int dear[MAX_MAPPINGS]; /* terms that cost most to score, heaviest first */
    int dear_count;
    const double *weights;
    double lacking;
    int64_t document;
    double scores[MAX_CANDIDATES]; /* best first */
    int32_t rows[MAX_CANDIDATES];
    int32_t waiting[BLOCK]; /* rows to be visited */
    int waiting_count;
    int64_t visits;
};

static inline double least_score(const struct query *query) {
    return query->scores[MAX_CANDIDATES - 1];
}

#endif
