/* Which words of a column are like given ones? Compiled once as FIND_SIMILAR for each processor. */
#ifndef SIMILAR_H
#define SIMILAR_H

#include "texts.h"

/* Compare the beginnings of a text of the column and another one, as order has it. */
static int compare_beginnings(const struct column *column, int64_t code, const uint16_t *text, int64_t count) {
    const uint16_t *own = column->symbols + column->offsets[code];
    for (int64_t place = 0; place < count; place++)
        if (own[place] != text[place]) return own[place] < text[place] ? -1 : 1;
    return 0;
}

/* The codes from `start` to `end`, all of one length, that begin with `count` symbols of a text. */
static struct range beginning_with(const struct column *column, struct range codes, const uint16_t *text,
                                   int64_t count) {
    struct range found = codes;
    for (int64_t high = codes.end; found.start < high;) {
        int64_t middle = (found.start + high) / 2;
        if (compare_beginnings(column, middle, text, count) < 0) found.start = middle + 1; else high = middle;
    }
    for (int64_t low = found.start; low < found.end;) {
        int64_t middle = (low + found.end) / 2;
        if (compare_beginnings(column, middle, text, count) > 0) found.end = middle; else low = middle + 1;
    }
    return found;
}

struct similar {
    int32_t *found;
    double *scores;
    int64_t total, room;
};

static void add_similar(struct similar *similar, int64_t code, double alike) {
    if (similar->total < similar->room) {
        similar->found[similar->total] = (int32_t)code;
        similar->scores[similar->total] = alike;
    }
    similar->total++;
}

/* Among the words of one length: those alike, and those of which one begins with the other. */
static void find_among(const struct term *term, int64_t length, double least, int64_t beginning,
                       struct similar *similar) {
    const struct column *column = term->column;
    struct range codes = {column->length_starts[length], column->length_starts[length + 1]};
    int64_t shorter = length < term->length ? length : term->length;
    struct range begins = {codes.end, codes.end};
    if (shorter >= beginning) begins = beginning_with(column, codes, term->text, shorter);
    int64_t fewest = fewest_common(least, term->length, length);
    bool may_be_alike = fewest <= shorter;
    if (!may_be_alike) codes = begins;
    for (int64_t code = codes.start; code < codes.end; code++) {
        bool begins_alike = code >= begins.start && code < begins.end;
        if (!begins_alike && most_common(term, code, length) < fewest) continue;
        double alike = similarity(common_subsequence(term, code), term->length, length);
        if (alike >= least || begins_alike) add_similar(similar, code, alike < least ? least : alike);
    }
}

int64_t FIND_SIMILAR(const struct column *column, double least, int64_t beginning, const uint16_t *symbols,
                     const int64_t *offsets, int64_t count, int64_t *starts, int32_t *found, double *scores,
                     int64_t room) {
    struct memo memo = {0};
    struct term term = {.column = column, .memo = &memo};
    struct similar similar = {found, scores, 0, room};
    for (int64_t text = 0; text < count; text++) {
        starts[text] = similar.total;
        term.text = symbols + offsets[text];
        term.length = offsets[text + 1] - offsets[text];
        term.words = term.length > 64 ? (term.length + 63) / 64 : 1;
        term.excess = term.length - sign(column->bit_starts, term.text, term.length, term.signature);
        if (set_masks(&term) < 0) return -1;
        for (int64_t length = 0; length <= column->longest; length++)
            find_among(&term, length, least, beginning, &similar);
        clear_masks(&term);
    }
    free(memo.masks);
    starts[count] = similar.total;
    return similar.total;
}

#endif
