#!/usr/bin/env python3
# ruff: noqa: C901, E501, PLR0912, PLR0915, PTH103, PTH118, PTH123, RUF001, RUF005, SIM905
# fmt: off
# mypy: ignore-errors
# A script of the project kept as it made the shipped files: word lists and their random draws. Its
# output must stay the same for the same arguments, so it is not reworked to today's style.
"""Synthetic invoices <-> purchase-orders matching task with ground truth.

Standard library only, deterministic for a given (--refs, --docs, --seed,
--profile).  All names are composed from word lists written for this script;
no real company data is used.  Usage:

    python make_invoices.py --refs 1000 --docs 500 --seed 1 --out out_dir

Writes three UTF-8 CSV files:
  purchase_orders.csv  the reference rows (clean, ISO dates, plain decimals)
  invoices.csv         the documents, as an extraction step would return them
                       (raw text: dates and amounts in local formats, OCR noise)
  truth.csv            invoice_id, po_id (empty = no purchase order exists),
                       the clean ISO date and decimal amount printed on the
                       invoice, and the tags of the noise that was applied
"""
import argparse
import csv
import datetime as dt
import os
import random

SURNAMES = ("Adler Almqvist Andersen Anker Arslan Baumann Becker Bellini Berger Bianchi Blanchet Borges Bosch "
            "Brennan Brandt Brûlé Carvalho Castellano Chevalier Clarke Cohen Costa Dąbrowski Delacroix Demir "
            "Dietrich Duarte Dupont Dvořák Ekström Engel Esposito Farkas Fernández Fischer Fontaine Fournier "
            "Fraser García Gauthier Greco Grönlund Guerrero Haas Hansen Hartmann Hernández Hoffmann Holm Horák "
            "Ibáñez Jansen Jensen Johansson Kaya Keller Kowalski Kramer Krüger Kučera Lachance Lambert Lange "
            "Larsson Lefèvre Lindqvist López Lund Maier Marchetti Martínez Meier Mendes Meyer Moreau Moretti "
            "Müller Nagy Navarro Nielsen Novák Núñez Öztürk Pellegrini Pereira Petit Peters Popescu Quinn Ramírez "
            "Reuter Ricci Richter Rojas Romano Rossi Roux Ruiz Sánchez Santos Schäfer Schmitt Schneider Schröder "
            "Seidel Şahin Silva Sørensen Stein Svensson Tanaka Thibault Turner Ueda Vargas Vidal Visser Vogel "
            "Wagner Walsh Weber Weiß Wiśniewski Wójcik Yamada Yıldız Zieliński Zimmermann").split()
STEMS = ("Alto Aqua Arbor Astra Aurora Axion Baltic Boreal Brava Calor Capri Castor Centra Ceres Cobalt Corvus "
         "Cresta Delta Domus Duna Elan Electra Ember Equinox Fabra Ferro Fjord Flora Forma Fortis Gala Gamma Gemini "
         "Glacier Granit Helio Helix Horizon Hydra Ibex Ignis Indigo Ionix Isar Juno Karst Kinetic Kite Lago Lira "
         "Lumen Luna Lynx Magna Mara Meridian Meteor Mistral Mosa Nimbus Nordwind Nova Oberon Omni Opal Orbis Orion "
         "Pacific Paladin Parallax Pegasus Petra Pinnacle Polar Prisma Quanta Quarz Regent Rhein Riva Rubin Sable "
         "Sagitta Saphir Scala Sigma Silva Solaris Sonata Stella Sterling Strato Summit Talon Tara Terra Titan Torro "
         "Tundra Ultra Umbra Unity Vanta Vector Vega Verde Vertex Vesta Via Vista Volta Vulkan Westwind Xylo Zenit "
         "Zephyr").split()
PLACES = ("Ashford Aarhus Basel Bergen Bilbao Bradford Bremen Brno Bursa Cádiz Calais Coimbra Como Córdoba Delft "
          "Dresden Dundee Ferrara Gdańsk Genève Gent Girona Graz Haarlem Hanover Izmir Jena Köln Kraków Lausanne "
          "Leeds Leiden León Liège Linz Lübeck Lyon Malmö Mantova Metz Modena Münster Nantes Nîmes Olomouc Oporto "
          "Padova Parma Plzeň Poznań Preston Reims Rouen Salzburg Seville Siena Split Tampere Toruń Trieste Turku "
          "Uppsala Utrecht Valencia Verona Vigo Wrocław Würzburg York Zürich").split()
# country: (legal forms [(long, [variants])], industry words, connectors, tax rate, currency, date styles, number style)
C = {
    "US": ([("Incorporated", ["Inc.", "Inc", "INC"]), ("Limited Liability Company", ["LLC", "L.L.C."]),
            ("Corporation", ["Corp.", "Corp"]), ("Company", ["Co.", "Co"])],
           "Supply,Logistics,Industries,Packaging,Systems,Electric,Foods,Tools,Steel,Printing,Software,Freight,"
           "Medical,Plastics,Security,Furniture,Consulting,Cleaning Services,Office Products,Safety Equipment".split(","),
           ["&", "and"], 0.0825, "USD", ["us"], "en"),
    "GB": ([("Limited", ["Ltd", "Ltd.", "LTD"]), ("Public Limited Company", ["PLC", "plc"]), ("LLP", ["L.L.P.", "LLP"])],
           "Supplies,Logistics,Engineering,Packaging,Systems,Electrical,Catering,Tools,Steel,Printers,Software,"
           "Haulage,Medical,Plastics,Security,Interiors,Consulting,Cleaning,Stationery,Workwear".split(","),
           ["&", "and"], 0.20, "GBP", ["eu", "long"], "en"),
    "DE": ([("Gesellschaft mit beschränkter Haftung", ["GmbH", "G.m.b.H.", "GMBH"]), ("Aktiengesellschaft", ["AG"]),
            ("GmbH & Co. Kommanditgesellschaft", ["GmbH & Co. KG", "GmbH u. Co. KG", "GmbH+Co KG"]),
            ("eingetragener Kaufmann", ["e.K.", "e. K."]), ("offene Handelsgesellschaft", ["OHG"])],
           "Maschinenbau,Logistik,Technik,Verpackungen,Systeme,Elektro,Lebensmittel,Werkzeuge,Stahlbau,Druckerei,"
           "Spedition,Medizintechnik,Kunststoffe,Sicherheitstechnik,Möbel,Beratung,Gebäudereinigung,Bürobedarf,"
           "Arbeitsschutz,Großhandel".split(","), ["&", "und", "u."], 0.19, "EUR", ["de", "de", "iso"], "de"),
    "FR": ([("Société à responsabilité limitée", ["SARL", "S.A.R.L."]), ("Société anonyme", ["SA", "S.A."]),
            ("Société par actions simplifiée", ["SAS", "S.A.S."])],
           "Logistique,Industrie,Emballages,Systèmes,Électricité,Alimentaire,Outillage,Aciers,Imprimerie,Transports,"
           "Médical,Plastiques,Sécurité,Mobilier,Conseil,Nettoyage,Papeterie,Équipements,Distribution,Énergie".split(","),
           ["et", "&"], 0.20, "EUR", ["eu", "eu", "long"], "fr"),
    "ES": ([("Sociedad Limitada", ["S.L.", "SL", "S. L."]), ("Sociedad Anónima", ["S.A.", "SA"])],
           "Logística,Industrias,Embalajes,Sistemas,Eléctrica,Alimentación,Herramientas,Aceros,Imprenta,Transportes,"
           "Médica,Plásticos,Seguridad,Mobiliario,Consultoría,Limpieza,Papelería,Suministros,Distribuciones,Energía".split(","),
           ["y", "&"], 0.21, "EUR", ["eu"], "de"),
    "IT": ([("Società a responsabilità limitata", ["S.r.l.", "SRL", "Srl"]), ("Società per azioni", ["S.p.A.", "SPA"])],
           "Logistica,Industrie,Imballaggi,Sistemi,Elettrica,Alimentari,Utensili,Acciai,Stampa,Trasporti,Medicale,"
           "Plastica,Sicurezza,Arredi,Consulenza,Pulizie,Cancelleria,Forniture,Distribuzione,Energia".split(","),
           ["e", "&"], 0.22, "EUR", ["eu"], "de"),
    "NL": ([("Besloten Vennootschap", ["B.V.", "BV"]), ("Naamloze Vennootschap", ["N.V.", "NV"])],
           "Logistiek,Techniek,Verpakkingen,Systemen,Elektra,Voeding,Gereedschap,Staal,Drukkerij,Transport,Medisch,"
           "Kunststoffen,Beveiliging,Meubelen,Advies,Schoonmaak,Kantoorartikelen,Groothandel".split(","),
           ["en", "&"], 0.21, "EUR", ["eu-dash"], "de"),
    "SE": ([("Aktiebolag", ["AB"]), ("Handelsbolag", ["HB"])],
           "Logistik,Teknik,Förpackning,System,Elektriska,Livsmedel,Verktyg,Stål,Tryckeri,Åkeri,Medicin,Plast,"
           "Säkerhet,Möbler,Konsult,Städ,Kontor,Utrustning".split(","), ["och", "&"], 0.25, "SEK", ["iso"], "fr"),
    "PL": ([("Spółka z ograniczoną odpowiedzialnością", ["Sp. z o.o.", "Sp. z o. o.", "SP Z OO"]),
            ("Spółka Akcyjna", ["S.A.", "SA"])],
           "Logistyka,Przemysł,Opakowania,Systemy,Elektryka,Żywność,Narzędzia,Stal,Drukarnia,Transport,Medyczna,"
           "Tworzywa,Ochrona,Meble,Doradztwo,Usługi,Biuro,Hurtownia".split(","), ["i", "&"], 0.23, "PLN", ["de"], "fr"),
    "CZ": ([("společnost s ručením omezeným", ["s.r.o.", "s. r. o.", "SRO"]), ("akciová společnost", ["a.s.", "a. s."])],
           "Logistika,Strojírny,Obaly,Systémy,Elektro,Potraviny,Nástroje,Ocel,Tiskárna,Doprava,Zdravotní,Plasty,"
           "Bezpečnost,Nábytek,Poradenství,Úklid,Kancelář,Velkoobchod".split(","), ["a", "&"], 0.21, "CZK", ["de"], "fr"),
    "BR": ([("Limitada", ["Ltda.", "Ltda", "LTDA"]), ("Sociedade Anônima", ["S.A.", "S/A"])],
           "Logística,Indústria,Embalagens,Sistemas,Elétrica,Alimentos,Ferramentas,Aços,Gráfica,Transportes,Médica,"
           "Plásticos,Segurança,Móveis,Consultoria,Limpeza,Papelaria,Distribuidora".split(","),
           ["e", "&"], 0.17, "BRL", ["eu"], "de"),
    "TR": ([("Anonim Şirketi", ["A.Ş.", "AS", "A.S."]), ("Limited Şirketi", ["Ltd. Şti.", "LTD STI"])],
           "Lojistik,Sanayi,Ambalaj,Sistem,Elektrik,Gıda,Makina,Çelik,Matbaa,Nakliyat,Medikal,Plastik,Güvenlik,"
           "Mobilya,Danışmanlık,Temizlik,Kırtasiye,Ticaret".split(","), ["ve", "&"], 0.20, "TRY", ["de"], "de"),
}
COUNTRIES, CW = list(C), [22, 14, 18, 10, 7, 7, 6, 4, 4, 3, 3, 2]
FX = {"USD": 1.0, "GBP": 1.27, "EUR": 1.08, "SEK": 0.095, "PLN": 0.25, "CZK": 0.043, "BRL": 0.18, "TRY": 0.03}
ABBR = {"and": "&", "Industries": "Ind.", "Engineering": "Eng.", "International": "Intl.", "Systems": "Sys.",
        "Services": "Svcs", "Logistics": "Log.", "Equipment": "Equip.", "Products": "Prod.", "Supplies": "Suppl.",
        "Maschinenbau": "Masch.bau", "Technik": "Techn.", "Verpackungen": "Verpack.", "Transportes": "Transp.",
        "Transports": "Transp.", "Distribution": "Distr.", "Consulting": "Cons.", "Medical": "Med.", "Electric": "Elec."}
ITEMS = ("A4 copy paper;pallet wrap 500mm;hydraulic hose DN12;LED panel 60x60;safety gloves size 9;M8 hex bolts;"
         "network switch 24-port;laser toner black;steel sheet 2mm;freight services Q{q};annual maintenance contract;"
         "office chairs ergonomic;cleaning services month {m};cable trunking 40x25;corrugated boxes 400x300;"
         "server rack 42U;bearing 6204-2RS;printing of brochures;software licence renewal;first aid kits;"
         "conveyor belt spare part;solvent 25l drum;hard hats white;forklift rental;temperature sensors PT100;"
         "catering event {m};timber planks 3m;paint RAL 7016;security guard hours;translation services").split(";")
OCR = {"0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "5": "S", "S": "5", "8": "B", "B": "8", "m": "rn", "rn": "m",
       "e": "c", "c": "e", "u": "v", "6": "G", "G": "6", "Z": "2", "2": "Z", "ü": "ii", "ö": "o", "é": "e", "h": "b",
       "n": "ri", ".": ",", "a": "o"}
FOLD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "é": "e", "è": "e",
                      "ê": "e", "á": "a", "à": "a", "ã": "a", "â": "a", "å": "a", "í": "i", "ı": "i", "ó": "o", "ô": "o",
                      "õ": "o", "ø": "o", "ú": "u", "û": "u", "ñ": "n", "ç": "c", "č": "c", "ć": "c", "ś": "s", "š": "s",
                      "ş": "s", "Ş": "S", "ž": "z", "ż": "z", "ź": "z", "ł": "l", "Ł": "L", "ą": "a", "ę": "e", "ń": "n",
                      "ň": "n", "ř": "r", "ý": "y", "ů": "u", "ě": "e", "ğ": "g", "İ": "I", "Ż": "Z", "Č": "C", "É": "E",
                      "Š": "S", "Å": "A", "Ó": "O", "Á": "A", "Í": "I", "Ú": "U", "Ç": "C"})
PROFILES = {  # noise multiplier, P(PO number missing), P(garbled), P(no PO exists), distractor share, P(amount differs)
    "easy": (0.5, 0.10, 0.06, 0.10, 0.15, 0.15),
    "normal": (1.0, 0.28, 0.14, 0.10, 0.30, 0.30),
    "hard": (1.7, 0.45, 0.22, 0.15, 0.45, 0.42),
}


def vendor_core(r, c):
    ind = r.choice(C[c][1])
    k = r.random()
    if k < .28:
        core = f"{r.choice(SURNAMES)} {ind}"
    elif k < .48:
        core = f"{r.choice(STEMS)} {ind}"
    elif k < .62:
        core = f"{r.choice(SURNAMES)} {r.choice(C[c][2])} {r.choice(SURNAMES)} {ind}"
    elif k < .74:
        core = f"{r.choice(STEMS)}{r.choice(['tec', 'plan', 'com', 'pack', 'log', 'med', 'line', 'net', 'bau', 'max'])} {ind}"
    elif k < .86:
        core = f"{r.choice(PLACES)} {r.choice(STEMS)} {ind}"
    elif k < .93:
        core = f"{r.choice(STEMS)} {r.choice(PLACES)} {ind} {r.choice(['International', 'Group', 'Holding', 'Europe'])}"
    else:
        core = f"{''.join(r.choice('ABCDEFGHIKLMNPRSTVW') for _ in range(r.choice([2, 3, 3, 4])))} {ind}"
    return core


def make_vendors(r, n):
    out, seen = [], set()
    while len(out) < n:
        c = r.choices(COUNTRIES, CW)[0]
        if out and r.random() < .12:  # look-alike vendor: same family, other country / form / word
            o = r.choice(out)
            core = o[0]
            k = r.random()
            if k < .4:
                core = core + " " + r.choice(["Group", "Services", "Nord", "Süd", "International", "East", "West", "2000"])
            elif k < .7:
                w = core.split()
                core = " ".join(w[:-1] + [r.choice(C[o[2]][1])])
            else:
                c = r.choices(COUNTRIES, CW)[0]
                if c == o[2]:
                    core += " II"
        else:
            core = vendor_core(r, c)
        form = r.choice(C[c][0])
        if (core, c) in seen:
            core = f"{core} {r.choice(PLACES)}"
            if (core, c) in seen:
                continue
        seen.add((core, c))
        out.append((core, form, c, r.choice(PLACES), "".join(r.choice("0123456789") for _ in range(9))))
    return out


def typo(r, s):
    if len(s) < 3:
        return s
    i = r.randrange(len(s) - 1)
    k = r.random()
    if k < .25:
        return s[:i] + s[i + 1:]
    if k < .5:
        return s[:i] + s[i + 1] + s[i] + s[i + 2:]
    if k < .75:
        return s[:i] + r.choice("abcdefghijklmnoprstuvwz") + s[i + 1:]
    return s[:i] + s[i] + s[i:]


def ocr(r, s, p):
    out = []
    for ch in s:
        if ch in OCR and r.random() < p:
            out.append(OCR[ch])
        else:
            out.append(ch)
    if r.random() < p * 3 and len(out) > 4:
        i = r.randrange(1, len(out) - 1)
        if out[i] == " ":
            del out[i]
        else:
            out.insert(i, " ")
    return "".join(out)


def noisy_name(r, core, form, city, m, tags):
    w = core.split()
    if r.random() < .15 * m:
        w2 = [ABBR.get(x, x) for x in w]
        if w2 != w:
            tags.append("name_abbr")
            w = w2
    if r.random() < .06 * m and len(w) > 2:
        w.pop(r.randrange(1, len(w)))
        tags.append("name_dropped_word")
    if r.random() < .08 * m and len(w) > 1:
        w = w[-1:] + w[:-1]
        tags.append("name_reordered")
    s = " ".join(w)
    k = r.random()
    if k < .55:
        s = f"{s} {r.choice(form[1])}"
    elif k < .65:
        s = f"{s} {form[0]}"
        tags.append("form_long")
    elif k < .70:
        s = f"{s}, {r.choice(form[1])}"
    elif k < .93 - .1 * m:
        s = f"{s} {form[1][0]}"
    else:
        tags.append("form_missing")
    if r.random() < .06 * m:
        s = f"{s} {r.choice(['- ' + city, '(' + city + ')', 'Accounts Receivable', 'Billing Dept', 'Invoice'])}"
        tags.append("name_extra")
    if r.random() < .12 * m:
        t = s.translate(FOLD)
        if t != s:
            s = t
            tags.append("name_ascii")
    if r.random() < .14 * m:
        s = typo(r, s)
        tags.append("name_typo")
    if r.random() < .14 * m:
        t = ocr(r, s, .06)
        if t != s:
            s = t
            tags.append("name_ocr")
    k = r.random()
    if k < .15:
        s = s.upper()
    elif k < .20:
        s = s.lower()
    return s


MON = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def fmt_date(r, d, c):
    st = r.choice(C[c][5])
    if r.random() < .12:
        st = r.choice(["iso", "long"])
    if st == "us":
        return r.choice([f"{d.month:02d}/{d.day:02d}/{d.year}", f"{d.month}/{d.day}/{d.year}", f"{MON[d.month - 1]} {d.day}, {d.year}"])
    if st == "eu":
        return f"{d.day:02d}/{d.month:02d}/{d.year}"
    if st == "eu-dash":
        return f"{d.day:02d}-{d.month:02d}-{d.year}"
    if st == "de":
        return r.choice([f"{d.day:02d}.{d.month:02d}.{d.year}", f"{d.day}.{d.month}.{d.year}", f"{d.day:02d}.{d.month:02d}.{d.year % 100:02d}"])
    if st == "long":
        return f"{d.day} {MON[d.month - 1]} {d.year}"
    return d.isoformat()


def fmt_amount(r, v, c, cur):
    st = C[c][6]
    a = f"{v:,.2f}"
    if st == "de":
        a = a.replace(",", "\0").replace(".", ",").replace("\0", ".")
    elif st == "fr":
        a = a.replace(",", "\u00a0").replace(".", ",")
    k = r.random()
    if k < .25:
        return f"{a} {cur}"
    if k < .40:
        return {"USD": "$", "GBP": "£", "EUR": "€"}.get(cur, cur + " ") + a
    return a


def po_number(r, n, style):
    y = 22 + (n % 4)
    if style == 0:
        return f"PO-20{y}-{n:07d}"
    if style == 1:
        return f"45{n:08d}"
    return f"B/{y}/{n:07d}"


def garble_po(r, p):
    k = r.random()
    if k < .2:
        return p.replace("PO-", "").replace("B/", "").replace("45", "", 1) if not p.startswith("45") else p
    if k < .4:
        return p.replace("-", "").replace("/", "")
    if k < .6:
        return ocr(r, p, .25)
    if k < .75:
        return typo(r, p)
    if k < .9:
        return "PO " + p.replace("-", " ").replace("/", " ").replace("PO ", "")
    i = r.randrange(len(p))
    return p[:i] + (str((int(p[i]) + 1) % 10) if p[i].isdigit() else p[i]) + p[i + 1:]


def generate(n_refs, n_docs, seed, profile="normal"):
    """Return (purchase order rows, invoice rows, truth rows) as lists of tuples."""
    m, p_miss, p_garb, p_none, p_near, p_amt = PROFILES[profile]
    r = random.Random(f"{seed}/{n_refs}/{n_docs}/{profile}")
    vendors = make_vendors(r, max(20, n_refs // 5))
    nv = len(vendors)
    base = dt.date(2024, 1, 1)
    perm = list(range(1, n_refs + 1))
    r.shuffle(perm)
    pos = []
    while len(pos) < n_refs:
        k = len(pos)
        if pos and r.random() < p_near:  # near duplicate of a recent row: same vendor, close amount and date
            o = pos[-1 - r.randrange(min(len(pos), 40))]
            vi = o[1]
            t = r.random()
            amt = o[3] if t < .35 else round(o[3] * r.uniform(.95, 1.05), 2)
            day = o[2] + dt.timedelta(days=r.choice([1, 2, 7, 14, 28, 30, 31]))
            item = o[4] if r.random() < .6 else r.choice(ITEMS)
        else:
            vi = min(int(r.paretovariate(.55)) - 1, nv - 1) if r.random() < .3 else r.randrange(nv)
            day = base + dt.timedelta(days=r.randrange(730))
            amt = round(min(max(r.lognormvariate(7.3, 1.4), 12), 4e6), 2)
            if r.random() < .25:
                amt = float(round(amt, -1)) or 50.0
            item = r.choice(ITEMS)
        item = item.replace("{q}", str((day.month - 1) // 3 + 1)).replace("{m}", MON[day.month - 1])
        pos.append((po_number(r, perm[k], vi % 3), vi, day, amt, item))
    po_rows = []
    for i, (num, vi, day, amt, item) in enumerate(pos):
        core, form, c, city, tax = vendors[vi]
        po_rows.append((f"R{i + 1:07d}", num, f"{core} {form[1][0]}", tax, city, c, day.isoformat(), f"{amt:.2f}", C[c][4], item))
    inv_rows, truth = [], []
    ghosts = make_vendors(random.Random(f"ghost/{seed}"), 200)
    picks = r.sample(range(n_refs), min(n_docs, n_refs)) if n_docs <= n_refs else [r.randrange(n_refs) for _ in range(n_docs)]
    for j in range(n_docs):
        tags = []
        i = picks[j]
        num, vi, day, amt, item = pos[i]
        none = r.random() < p_none
        if none:
            tags.append("no_po")
            if r.random() < .5:
                core, form, c, city, tax = r.choice(ghosts)
                tags.append("unknown_vendor")
            else:
                core, form, c, city, tax = vendors[vi]
            day = base + dt.timedelta(days=r.randrange(730))
            amt = round(min(max(r.lognormvariate(7.3, 1.4), 12), 4e6), 2)
            num = po_number(r, n_refs + r.randrange(1, n_refs), r.randrange(3)) if r.random() < .35 else ""
            item = r.choice(ITEMS).replace("{q}", "1").replace("{m}", "Jan")
        else:
            core, form, c, city, tax = vendors[vi]
        cur, rate = C[c][4], C[c][3]
        idate = day + dt.timedelta(days=max(-3, int(r.gammavariate(2.0, 9.0)) - 1))
        val = amt
        if r.random() < p_amt:
            k = r.random()
            if k < .42:
                val = round(amt * (1 + rate), 2)
                tags.append("amount_gross")
            elif k < .68:
                val = round(amt + r.choice([-1, 1]) * r.choice([.01, .05, .5, 1, amt * .01, amt * .02]), 2)
                tags.append("amount_rounded")
            elif k < .86:
                val = round(amt * r.uniform(.4, .97), 2)
                tags.append("amount_partial")
            elif k < .94:
                other = r.choice([x for x in ("USD", "EUR", "GBP") if x != cur])
                val = round(amt * FX[cur] / FX[other] * r.uniform(.985, 1.015), 2)
                cur = other
                tags.append("amount_currency")
            else:
                val = round(amt * r.choice([10, .1]), 2)
                tags.append("amount_ocr_scale")
        val = max(val, .01)
        shown = num
        if num and not none:
            u = r.random()
            if u < p_miss:
                shown = ""
                tags.append("po_missing")
            elif u < p_miss + p_garb:
                shown = garble_po(r, num)
                if shown != num:
                    tags.append("po_garbled")
        name = noisy_name(r, core, form, city, m, tags)
        sdate, samt, scur, scity, stax = fmt_date(r, idate, c), fmt_amount(r, val, c, cur), cur, city, tax
        if r.random() < .03 * m:
            name = ""
            tags.append("name_missing")
        if r.random() < .04 * m:
            sdate = ""
            tags.append("date_missing")
        if r.random() < .03 * m:
            samt = ""
            tags.append("amount_missing")
        if r.random() < .15 * m:
            scur = ""
        if r.random() < .12 * m:
            scity = ""
        elif r.random() < .08 * m:
            scity = typo(r, scity)
        if r.random() < .55:
            stax = ""
        elif r.random() < .06 * m:
            stax = ocr(r, stax, .2)
        desc = item
        if r.random() < .35 * m:
            desc = ocr(r, desc, .04) if r.random() < .5 else " ".join(desc.split()[:2])
        if r.random() < .08 * m:
            desc = ""
        inv_rows.append((f"D{j + 1:07d}", f"INV-{r.randrange(10**6):06d}", shown, name, stax, scity, sdate, samt, scur, desc))
        truth.append((f"D{j + 1:07d}", "" if none else f"R{i + 1:07d}", idate.isoformat(), f"{val:.2f}", " ".join(tags)))
    return po_rows, inv_rows, truth


PO_COLS = "po_id po_number vendor_name vendor_tax_id vendor_city vendor_country order_date amount currency description".split()
INV_COLS = "invoice_id invoice_number po_number vendor_name vendor_tax_id vendor_city invoice_date amount currency description".split()
TRUTH_COLS = "invoice_id po_id invoice_date_iso amount_value tags".split()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--refs", type=int, default=1000)
    ap.add_argument("--docs", type=int, default=500)
    ap.add_argument("--seed", default="1")
    ap.add_argument("--profile", choices=sorted(PROFILES), default="normal")
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    po, inv, truth = generate(a.refs, a.docs, a.seed, a.profile)
    for name, cols, rows in (("purchase_orders", PO_COLS, po), ("invoices", INV_COLS, inv), ("truth", TRUTH_COLS, truth)):
        with open(os.path.join(a.out, name + ".csv"), "w", newline="", encoding="utf-8") as f:
            w = csv.writer(f, lineterminator="\n")
            w.writerow(cols)
            w.writerows(rows)


if __name__ == "__main__":
    main()
