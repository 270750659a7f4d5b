/* Which values do the rows of a file have? Rows are parsed and the distinct texts of each column
 * numbered in one pass, without an object for any of them.
 */
#include "numbering.h"

static int hex_digit(uint8_t digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Read the four digits after \u; -1 if they are none. */
static int32_t read_unit(const uint8_t *at, const uint8_t *end) {
    int32_t unit = end - at < 4 ? -1 : 0;
    for (int place = 0; unit >= 0 && place < 4; place++) {
        int digit = hex_digit(at[place]);
        unit = digit < 0 ? -1 : unit << 4 | digit;
    }
    return unit;
}

static uint8_t *write_point(uint8_t *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (uint8_t)point;
        return out;
    }
    if (point < 0x800)
        *out++ = (uint8_t)(0xC0 | point >> 6);
    else {
        if (point < 0x10000)
            *out++ = (uint8_t)(0xE0 | point >> 12);
        else {
            *out++ = (uint8_t)(0xF0 | point >> 18);
            *out++ = (uint8_t)(0x80 | (point >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (point >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (point & 0x3F));
    return out;
}

/* Read what follows a backslash; NULL if that is no escape of JSON. */
static uint8_t *read_escape(uint8_t *at, const uint8_t *end, uint8_t **out) {
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (at == end) return NULL;
    if (*at != 'u') {
        const char *found = *at ? strchr(plain, *at) : NULL;
        if (found) *(*out)++ = (uint8_t)meant[found - plain];
        return found ? at + 1 : NULL;
    }
    int32_t point = read_unit(at + 1, end);
    if (point < 0) return NULL;
    at += 5;
    if (point >= 0xD800 && point < 0xDC00 && end - at >= 2 && at[0] == '\\' && at[1] == 'u') {
        int32_t low = read_unit(at + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
            point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
            at += 6;
        }
    }
    *out = write_point(*out, (uint32_t)point);
    return at;
}

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* Mark bytes that are zero: the lowest mark is right. */
static inline uint64_t find_zeros(uint64_t word) { return (word - ONES) & ~word & HIGHS; }

/* Return the first quote or backslash. */
static inline uint8_t *find_special(uint8_t *at, const uint8_t *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; end - at >= 8; at += 8) {
        uint64_t word = load(at);
        uint64_t ends = find_zeros(word ^ ONES * '"') | find_zeros(word ^ ONES * '\\');
        if (ends) return at + (__builtin_ctzll(ends) >> 3);
    }
#endif
    while (at < end && *at != '"' && *at != '\\') at++;
    return at;
}

/* Read a text after its opening quote; return what follows its closing one, NULL if it has none.
 * Escapes are undone in place: what they stand for is never longer. */
static uint8_t *read_text(uint8_t *at, const uint8_t *end, struct piece *piece) {
    uint8_t *out, *special = find_special(at, end);
    piece->start = at;
    out = special;
    while (special < end && *special == '\\') {
        uint8_t *rest = read_escape(special + 1, end, &out);
        if (!rest) return NULL;
        special = find_special(rest, end);
        memmove(out, rest, special - rest);
        out += special - rest;
    }
    piece->length = out - piece->start;
    return special < end ? special + 1 : NULL;
}

static uint8_t *skip_blanks(uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    return at;
}

/* Pass over one character, with blanks around it; NULL if another one stands there. */
static uint8_t *expect(uint8_t *at, const uint8_t *end, uint8_t wanted) {
    at = skip_blanks(at, end);
    return at < end && *at == wanted ? skip_blanks(at + 1, end) : NULL;
}

static uint8_t *read_value(uint8_t *at, const uint8_t *end, struct piece *piece) {
    if (end - at >= 4 && !memcmp(at, "null", 4)) {
        piece->start = NULL;
        return at + 4;
    }
    return at < end && *at == '"' ? read_text(at + 1, end, piece) : NULL;
}

/* Read a row; its pieces are put at `row` of the batch of their column. */
static uint8_t *read_row(uint8_t *at, const uint8_t *end, const int64_t *columns, int64_t places,
                         struct piece (*pieces)[BATCH], int64_t row) {
    if (!(at = expect(at, end, '[')) || !(at = read_value(at, end, &pieces[0][row]))) return NULL;
    if (!(at = expect(at, end, ',')) || !(at = expect(at, end, '['))) return NULL;
    for (int64_t place = 0; place < places; place++) {
        if (place && !(at = expect(at, end, ','))) return NULL;
        if (!(at = read_value(at, end, &pieces[columns[place]][row]))) return NULL;
    }
    return (at = expect(at, end, ']')) ? expect(at, end, ']') : NULL;
}

/* Read up to `most` lines like `["row id", ["value", null]]`, undoing escapes in them. The ids go
 * `into` [0], the value at a place into the numbering that `columns` [places] says, or nowhere if
 * that is `numberings`. Return how many were read: the first line that cannot be read ends it, and
 * so does a lack of memory (-1). */
EXPORTED int64_t read_rows(uint8_t *text, int64_t length, int64_t most, const int64_t *columns, int64_t places,
                           struct numbering *into, int64_t numberings) {
    uint8_t *at = text, *end = text + length;
    struct piece(*pieces)[BATCH] = malloc((numberings + 1) * sizeof *pieces);
    if (!pieces) return -1;
    int64_t rows = 0, waiting = 0;
    bool is_readable = true;
    while (is_readable && at < end && rows + waiting < most) {
        uint8_t *line_end = memchr(at, '\n', end - at);
        if (!line_end) line_end = end;
        is_readable = read_row(at, line_end, columns, places, pieces, waiting) == line_end;
        waiting += is_readable;
        at = line_end + 1;
        if (waiting == BATCH || !is_readable || at >= end || rows + waiting == most) {
            for (int64_t each = 0; each < numberings; each++) number_pieces(into + each, pieces[each], waiting);
            rows += waiting;
            waiting = 0;
        }
    }
    free(pieces);
    return rows;
}

/* Number the texts of another blob. */
EXPORTED void number_texts(const uint8_t *blob, const int64_t *offsets, int64_t count, struct numbering *into) {
    struct piece pieces[BATCH];
    for (int64_t start = 0; start < count; start += BATCH) {
        int64_t size = count - start < BATCH ? count - start : BATCH;
        for (int64_t place = 0; place < size; place++) {
            const int64_t *bounds = offsets + start + place;
            pieces[place] = (struct piece){blob + bounds[0], bounds[1] - bounds[0], 0};
        }
        number_pieces(into, pieces, size);
    }
}
