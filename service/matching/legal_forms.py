"""Which words of a company name only say what legal form the company has?"""

from collections.abc import Sequence

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


def drop_legal_forms(tokens: Sequence[str]) -> Sequence[str]:
    """Return the tokens (folded words) without legal forms, or unchanged if only forms are there.

    Dropping one form can bring the letters of another together, so this goes on until nothing
    changes; a second call therefore changes nothing.
    """
    if _BEGINNINGS.isdisjoint(tokens):
        return tokens
    while True:
        kept = _drop_once(tokens)
        if not kept or len(kept) == len(tokens):
            return tokens
        tokens = kept


def _drop_once(tokens: Sequence[str]) -> list[str]:
    kept: list[str] = []
    position = 0
    while position < len(tokens):
        length = _form_length(tokens, position)
        if not length:
            kept.append(tokens[position])
        position += length or 1
    return kept


def _form_length(tokens: Sequence[str], start: int) -> int:
    """How many tokens from `start` on make the longest legal form; 0 when none does."""
    forms = _ALL if start else _DISTINCT
    joined, longest = "", 0
    for length, token in enumerate(tokens[start:], start=1):
        joined += token
        if joined not in _BEGINNINGS:
            break
        if joined in forms:
            longest = length
    return longest
