"""Which month does a word name, in English or a main European language, and which names a day?"""

# January to December; names that share a line are of one language, spellings of a month by "/".
# Written as `normalize.split_words` leaves them: folded, without accents.
_NAMES = """
    january february march april may june july august september october november december
    januar/janner februar/feber marz/maerz/mrz april mai juni juli august september oktober november dezember
    janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre
    enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre diciembre
    gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
    janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
    januari februari maart/mrt april mei juni juli augustus september oktober november december
    januari februari mars april maj juni juli augusti september oktober november december
    januar februar marts april maj juni juli august september oktober november december
    januar februar mars april mai juni juli august september oktober november desember
    styczen/stycznia luty/lutego marzec/marca kwiecien/kwietnia maj/maja czerwiec/czerwca lipiec/lipca sierpien/sierpnia wrzesien/wrzesnia pazdziernik/pazdziernika listopad/listopada grudzien/grudnia
    leden/ledna unor/unora brezen/brezna duben/dubna kveten/kvetna cerven/cervna cervenec/cervence srpen/srpna zari rijen/rijna listopad/listopadu prosinec/prosince
    ocak subat mart nisan mayis haziran temmuz agustos eylul ekim kasim aralik
    januar februar marcius aprilis majus junius julius augusztus szeptember oktober november december
    ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
    """  # noqa: E501

# Finnish months are read in full only: "marras" (November) would claim everybody's "mar".
_FINNISH = "tammi helmi maalis huhti touko kesa heina elo syys loka marras joulu"
_SHORTEST_ABBREVIATION = 3

# Days of the week say nothing that the date does not: readers pass over them.
_WEEKDAYS = """
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat
    sun montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so
    lundi mardi mercredi jeudi vendredi samedi dimanche lun mer jeu ven sam dim lunes martes
    miercoles jueves viernes sabado domingo lunedi martedi mercoledi giovedi venerdi domenica
    segunda terca quarta quinta sexta feira maandag dinsdag woensdag donderdag vrijdag zaterdag
    zondag mandag tirsdag tisdag onsdag torsdag fredag lordag sondag
    """


def _build_table() -> dict[str, int]:
    """Map every name and every abbreviation that means one month only to its number."""
    meanings: dict[str, set[int]] = {}
    full_names: dict[str, int] = {}
    for language in _NAMES.strip().splitlines():
        for number, spellings in enumerate(language.split(), start=1):
            for name in spellings.split("/"):
                full_names[name] = number
                for end in range(_SHORTEST_ABBREVIATION, len(name)):
                    meanings.setdefault(name[:end], set()).add(number)
    table = {word: months.pop() for word, months in meanings.items() if len(months) == 1}
    for number, stem in enumerate(_FINNISH.split(), start=1):
        table |= {f"{stem}kuu": number, f"{stem}kuuta": number}
    return table | full_names


MONTHS = _build_table()
WEEKDAYS = frozenset(_WEEKDAYS.split())
