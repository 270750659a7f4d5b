/* Which forms of many texts do comparisons look at? What `normalize.py` says of one text, for those
 * whose characters stand for the same plain letters wherever they occur.
 */
#include "numbering.h"

/* Read the character at a place and pass over it; the text is UTF-8, lone surrogates included. */
static inline uint32_t next_point(const uint8_t **at) {
    const uint8_t *text = *at;
    uint32_t first = text[0];
    if (first < 0x80) {
        *at += 1;
        return first;
    }
    if (first < 0xE0) {
        *at += 2;
        return (first & 0x1F) << 6 | (text[1] & 0x3F);
    }
    uint32_t point = (first & 0x0F) << 12 | (uint32_t)(text[1] & 0x3F) << 6 | (text[2] & 0x3F);
    *at += 3;
    if (first < 0xF0) return point;
    *at += 1;
    return (point << 6 | (text[3] & 0x3F)) & 0x1FFFFF;
}

/* Mark the characters that occur. */
EXPORTED void find_points(const uint8_t *blob, int64_t length, uint8_t *is_present) {
    for (const uint8_t *at = blob, *end = blob + length; at < end;) is_present[next_point(&at)] = 1;
}

/* Write what characters stand for: ASCII, in `meanings`, at the place that `place_of` says, or -1
 * where that may depend on others. Words are parted by single spaces. Special are texts with such
 * a character, and those of which nothing is left. */
EXPORTED void translate(const uint8_t *blob, const int64_t *offsets, int64_t count, const int32_t *place_of,
                        const uint8_t *meanings, const int64_t *bounds, uint8_t *out, int64_t *out_offsets,
                        uint8_t *is_special) {
    uint8_t *to = out;
    for (int64_t text = 0; text < count; text++) {
        uint8_t *start = to;
        bool is_parted = false;
        is_special[text] = false;
        for (const uint8_t *at = blob + offsets[text], *end = blob + offsets[text + 1]; at < end;) {
            int32_t place = place_of[next_point(&at)];
            if (place < 0) {
                is_special[text] = true;
                break;
            }
            for (int64_t letter = bounds[place]; letter < bounds[place + 1]; letter++) {
                if (meanings[letter] == ' ') {
                    is_parted = true;
                    continue;
                }
                if (is_parted && to > start) *to++ = ' ';
                is_parted = false;
                *to++ = meanings[letter];
            }
        }
        if (to == start) is_special[text] = true;
        out_offsets[text + 1] = to - out;
    }
}

/* The words of a text, as pieces. */
struct words {
    struct piece *each;
    int64_t count;
};

static void split(const uint8_t *start, const uint8_t *end, struct words *words) {
    while (start < end) {
        const uint8_t *stop = memchr(start, ' ', end - start);
        if (!stop) stop = end;
        words->each[words->count++] = (struct piece){start, stop - start, 0};
        start = stop + 1;
    }
}

static bool is_known(const struct numbering *known, struct piece *word) {
    word->hashed = hash(word->start, word->length, (uint64_t)known->seed);
    return find_slot(known, word)->number != 0;
}

/* Words of a text beside each other that may be part of a legal form. Their `place` tells what may
 * be dropped: '=' all words of the text are so, '<' the first ones, '>' others. */
struct stretch {
    int64_t start, end;
    uint8_t place;
};

/* Find the first stretch from a word on; it starts at the end if there is none. */
static struct stretch find_stretch(const struct numbering *parts, const struct words *words, int64_t from) {
    struct stretch found = {from, 0, '>'};
    while (found.start < words->count && !is_known(parts, words->each + found.start)) found.start++;
    found.end = found.start;
    while (found.end < words->count && is_known(parts, words->each + found.end)) found.end++;
    if (found.start == 0) found.place = found.end == words->count ? '=' : '<';
    return found;
}

static struct words make_words(const int64_t *offsets, int64_t count) {
    int64_t longest = 0;
    for (int64_t text = 0; text < count; text++)
        if (offsets[text + 1] - offsets[text] > longest) longest = offsets[text + 1] - offsets[text];
    return (struct words){malloc((longest / 2 + 1) * sizeof(struct piece)), 0};
}

/* Number the stretches of words that are known to be parts of legal forms, text by text, each with
 * its place before it. Return -1 for a lack of memory. */
EXPORTED int64_t number_stretches(const uint8_t *blob, const int64_t *offsets, int64_t count,
                                  const struct numbering *parts, struct numbering *into) {
    struct words words = make_words(offsets, count);
    if (!words.each) return -1;
    for (int64_t text = 0; text < count; text++) {
        words.count = 0;
        split(blob + offsets[text], blob + offsets[text + 1], &words);
        for (int64_t from = 0;;) {
            struct stretch found = find_stretch(parts, &words, from);
            if (found.start == words.count) break;
            const struct piece *last = words.each + found.end - 1;
            const uint8_t *start = words.each[found.start].start;
            uint8_t *held = into->blob + into->offsets[into->count];
            struct piece piece = {held, last->start + last->length - start + 1, 0};
            held[0] = found.place;
            memcpy(held + 1, start, piece.length - 1);
            piece.hashed = hash(held, piece.length, (uint64_t)into->seed);
            into->codes[into->rows++] = find_or_append(into, &piece);
            from = found.end;
        }
    }
    free(words.each);
    return 0;
}

enum arrangement { AS_WRITTEN = 0, SORTED = 1, DISTINCT = 2 };

static int compare_words(const void *one, const void *other) {
    const struct piece *left = one, *right = other;
    int64_t shorter = left->length < right->length ? left->length : right->length;
    int order = memcmp(left->start, right->start, shorter);
    return order ? order : (left->length > right->length) - (left->length < right->length);
}

static void sort_words(struct words *words) {
    if (words->count > 32) {
        qsort(words->each, words->count, sizeof *words->each, compare_words);
        return;
    }
    for (int64_t place = 1; place < words->count; place++) {
        struct piece word = words->each[place];
        int64_t at = place;
        for (; at && compare_words(words->each + at - 1, &word) > 0; at--) words->each[at] = words->each[at - 1];
        words->each[at] = word;
    }
}

static uint8_t *join(const struct words *words, bool are_distinct, uint8_t *to) {
    for (int64_t place = 0; place < words->count; place++) {
        const struct piece *word = words->each + place;
        if (place && are_distinct && !compare_words(word - 1, word)) continue;
        if (place) *to++ = ' ';
        memcpy(to, word->start, word->length);
        to += word->length;
    }
    return to;
}

/* Write the texts with what is left of their stretches: `left` by the code of each stretch, in the
 * order in which `number_stretches` found them. Return -1 for a lack of memory. */
EXPORTED int64_t write_names(const uint8_t *blob, const int64_t *offsets, int64_t count,
                             const struct numbering *parts, const int32_t *codes, const uint8_t *left,
                             const int64_t *left_offsets, int64_t arrangement, uint8_t *out, int64_t *out_offsets) {
    struct words words = make_words(offsets, count), kept = make_words(offsets, count);
    uint8_t *to = out;
    bool is_done = words.each && kept.each;
    for (int64_t text = 0; is_done && text < count; text++) {
        words.count = kept.count = 0;
        split(blob + offsets[text], blob + offsets[text + 1], &words);
        for (int64_t from = 0; from < words.count;) {
            struct stretch found = find_stretch(parts, &words, from);
            while (from < found.start) kept.each[kept.count++] = words.each[from++];
            if (found.start == words.count) break;
            split(left + left_offsets[*codes], left + left_offsets[*codes + 1], &kept);
            codes++;
            from = found.end;
        }
        if (arrangement != AS_WRITTEN) sort_words(&kept);
        to = join(&kept, arrangement == DISTINCT, to);
        out_offsets[text + 1] = to - out;
    }
    free(words.each);
    free(kept.each);
    return is_done ? 0 : -1;
}
