"""Which words of a company name only say what legal form the company has?"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

# Each form is written as its letters run together, without accents: "s. r. o.", "S.R.O." and
# "sro" are one entry, and so is every way a scanner splits or joins the letters.
# Dropped wherever they stand: nothing else is spelled like them.
_DISTINCT_FORMS = """
    gmbh mbh gmbhcokg gmbhandcokg gmbhundcokg gmbhucokg gmbhcokgaa gmbhandcokgaa ggmbh ohg kgaa
    agandcokg ugandcokg ughaftungsbeschrankt gesmbh eingetragenerkaufmann eingetragenekauffrau
    gesellschaftmitbeschrankterhaftung gesellschaftmitbeschraenkterhaftung aktiengesellschaft
    kommanditgesellschaft offenehandelsgesellschaft gesellschaftburgerlichenrechts
    gmbhcokommanditgesellschaft gmbhandcokommanditgesellschaft
    ltd limited llc llp lllp plc inc incorporated corp corporation ltdco pvtltd ptyltd pteltd
    limitedliabilitycompany limitedliabilitypartnership publiclimitedcompany
    privatelimited proprietarylimited limitedpartnership
    sarl sasu eurl societearesponsabilitelimitee societeanonyme societeparactionssimplifiee
    societeencommandite scrl sprl bvba
    slu sau srl srls sociedadlimitada sociedadanonima sociedadderesponsabilidadlimitada
    sadecv sderldecv srldecv sapidecv
    societaaresponsabilitalimitata societaperazioni
    ltda lda limitada sociedadeanonima eireli
    beslotenvennootschap naamlozevennootschap
    aktiebolag handelsbolag kommanditbolag aktieselskab anpartsselskab aksjeselskap osakeyhtio
    aps oyj
    spzoo spolkazoo spolkazograniczonaodpowiedzialnoscia spolkaakcyjna spolkajawna spolkakomandytowa
    sro spolsro spolecnostsrucenimomezenym akciovaspolecnost doo kft zrt nyrt
    korlatoltfelelossegutarsasag societatecuraspunderelimitata
    ltdsti limitedsirketi anonimsirketi asirketi
    ooo oao ооо оао зао пао
    株式会社 有限会社 有限公司 股份有限公司 주식회사
    """  # noqa: RUF001 (Russian and Japanese forms)

# Dropped after a first word only: "SPA" may be the bath and "AS Roma" a club, not a form.
_SHORT_FORMS = """
    ag kg ek ev eg ug se gbr co company andco andcompany undco uco etcie etcompagnie cokg andcokg
    undcokg ucokg cokommanditgesellschaft andcokommanditgesellschaft ucokommanditgesellschaft
    sa sas snc sca sl spa sapa bv nv vof cv ab hb kb as oy ky lp sti ks ad ood eood dd sp ska spk
    pvt pty pte pt tbk bhd sdnbhd kk asa zao pao ао
    """  # noqa: RUF001 (a Russian form)

_DISTINCT = frozenset(_DISTINCT_FORMS.split())
_ALL = _DISTINCT | frozenset(_SHORT_FORMS.split())
_BEGINNINGS = frozenset(form[:end] for form in _ALL for end in range(1, len(form) + 1))
_LONGEST = max(map(len, _ALL))
# Whatever a token of a form can be, however its letters are split; other tokens are in none.
PARTS = frozenset(
    form[start:end]
    for form in _ALL
    for start in range(len(form))
    for end in range(start + 1, len(form) + 1)
)
_IN_NO_FORM = "?"
# What was dropped is remembered for so many stretches of so few tokens.
_STRETCHES_REMEMBERED, _LONGEST_REMEMBERED = 10_000, 8


def drop_legal_forms(tokens: Sequence[str]) -> Sequence[str]:
    """Return the tokens (folded words) without legal forms, or unchanged if only forms are there.

    Dropping one form can bring the letters of another together, so this goes on, pass by pass,
    until nothing changes; a second call therefore changes nothing. The cost is linear in the
    tokens: a later pass looks only where an earlier one dropped something.
    """
    if _BEGINNINGS.isdisjoint(tokens):
        return tokens
    kept: list[str] = []
    stretch: list[str] = []
    for token in tokens:
        if token in PARTS:
            stretch.append(token)
        else:
            if stretch:
                kept += drop_from_stretch(tuple(stretch), is_first=not kept)
                stretch.clear()
            kept.append(token)
    if not kept:
        return _drop(tokens)
    return kept + drop_from_stretch(tuple(stretch), is_first=False) if stretch else kept


def drop_from_stretch(stretch: tuple[str, ...], *, is_first: bool) -> list[str]:
    """Drop the forms from tokens beside one that is in no form: it stays, and parts them for ever.

    `is_first` if that one follows, and none stands before. Names have few such stretches, often
    the same ones.
    """
    drop = _drop_and_remember if len(stretch) <= _LONGEST_REMEMBERED else _drop_beside
    return drop(stretch, is_first)


def _drop_beside(stretch: tuple[str, ...], is_first: bool) -> list[str]:
    if is_first:
        return _drop([*stretch, _IN_NO_FORM])[:-1]
    return _drop([_IN_NO_FORM, *stretch])[1:]


_drop_and_remember = lru_cache(maxsize=_STRETCHES_REMEMBERED)(_drop_beside)


def _drop(tokens: Sequence[str]) -> list[str]:
    """Drop legal forms, token by token; the rest of the work of `drop_legal_forms`."""
    chain = _Chain(tokens)
    forms = chain.find_forms(range(len(tokens)))
    while forms and not chain.consists_of(forms):
        forms = chain.find_forms(chain.drop(forms))
    return chain.remaining()


# The places of a form's first token and of the first token after it.
_Span = tuple[int, int]


class _Chain:
    """Tokens linked both ways, so that dropping some costs the same wherever they stand.

    The place after the last token, which is also the one before the first, is `_end`.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        """Link all tokens in their order."""
        self._tokens = tokens
        self._end = len(tokens)
        self._following = [*range(1, self._end + 1), 0]
        self._preceding = [self._end, *range(self._end)]

    def find_forms(self, starts: Iterable[int]) -> list[_Span]:
        """Find forms that begin at one of the rising places, from the left, without overlap."""
        spans: list[_Span] = []
        position = 0
        for start in starts:
            if start >= position:
                position = self._find_end(start)
                if position > start:
                    spans.append((start, position))
        return spans

    def consists_of(self, forms: Sequence[_Span]) -> bool:
        """Whether no token would be left without the forms."""
        starts, ends = zip(*forms, strict=True)
        return (self._following[self._end], *ends) == (*starts, self._end)

    def drop(self, forms: Sequence[_Span]) -> list[int]:
        """Drop the forms and return, rising, the places where a form may begin only now."""
        for start, end in forms:
            before = self._preceding[start]
            self._following[before] = end
            self._preceding[end] = before
        return sorted({start for _, end in forms for start in self._beginnings_before(end)})

    def remaining(self) -> list[str]:
        """Return the tokens that were not dropped."""
        tokens = []
        position = self._following[self._end]
        while position != self._end:
            tokens.append(self._tokens[position])
            position = self._following[position]
        return tokens

    def _find_end(self, start: int) -> int:
        """Return the place after the longest form that begins at `start`; `start` for none."""
        forms = _DISTINCT if self._preceding[start] == self._end else _ALL
        joined, position, end = "", start, start
        while position != self._end:
            joined += self._tokens[position]
            if joined not in _BEGINNINGS:
                break
            position = self._following[position]
            if joined in forms:
                end = position
        return end

    def _beginnings_before(self, end: int) -> list[int]:
        """Return the places from which the tokens up to `end` are the beginning of a form."""
        starts = []
        joined, position = "", self._preceding[end]
        while position != self._end and len(joined) < _LONGEST:
            joined = self._tokens[position] + joined
            if joined in _BEGINNINGS:
                starts.append(position)
            position = self._preceding[position]
        return starts
