"""The names that people give languages in column headers, and the codes that the rest of the program knows them by."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# code: names in English, French, Spanish and in the language itself, as they stand in headers; accents and case are no matter.
_NAMES = """
af: afrikaans
am: amharic, amharique, amarico, አማርኛ
ar: arabic, arabe, العربية, عربي, عربية, العربيه, اللغة العربية, darija, الدارجة
ay: aymara, aimara
az: azerbaijani, azeri, azerbaïdjanais, azərbaycanca
be: belarusian, bielorusse, беларуская
bg: bulgarian, bulgare, български
bm: bambara, bamanankan
bn: bengali, bangla, বাংলা
bs: bosnian, bosniaque, bosanski
ca: catalan, catala, català
ceb: cebuano, bisaya
ckb: sorani, central kurdish, کوردی
cs: czech, tcheque, čeština
da: danish, danois, dansk
de: german, allemand, aleman, deutsch
din: dinka
el: greek, grec, griego, ελληνικά
en: english, anglais, ingles, inglés, الإنجليزية, الانجليزية
es: spanish, espagnol, español, castellano, castilian
et: estonian, eesti
fa: persian, persan, farsi, فارسی, فارسي
ff: fula, fulani, fulfulde, peul, pulaar, fulah
fi: finnish, finnois, suomi
fil: filipino
fr: french, français, frances, francés, francais, الفرنسية
gn: guarani
gu: gujarati, ગુજરાતી
ha: hausa, haoussa
he: hebrew, hebreu, עברית
hi: hindi, हिन्दी, हिंदी
hr: croatian, croate, hrvatski
ht: haitian creole, haitian, creole, creole haitien, kreyol, kreyòl ayisyen, kreyol ayisyen
hu: hungarian, hongrois, magyar
hy: armenian, armenien, հայերեն
id: indonesian, indonesien, bahasa indonesia, bahasa
ig: igbo
it: italian, italien, italiano
ja: japanese, japonais, 日本語
ka: georgian, georgien, ქართული
kab: kabyle, taqbaylit
kk: kazakh, қазақша, қазақ тілі
km: khmer, cambodian, ខ្មែរ
kn: kannada, ಕನ್ನಡ
ko: korean, coreen, 한국어
kr: kanuri
ku: kurdish, kurde, kurmanji, kurdi, kurdî
ky: kyrgyz, кыргызча
lg: luganda, ganda
ln: lingala
lo: lao, laotien, ລາວ
lt: lithuanian, lietuvių
lv: latvian, latviešu
mg: malagasy, malgache
mk: macedonian, македонски
ml: malayalam, മലയാളം
mn: mongolian, mongol, монгол
mr: marathi, मराठी
ms: malay, malais, bahasa melayu
my: burmese, birman, myanmar, မြန်မာ, မြန်မာဘာသာ
ne: nepali, नेपाली
nl: dutch, neerlandais, nederlands
no: norwegian, norvegien, norsk
nus: nuer
ny: chichewa, nyanja, chewa
om: oromo, afaan oromo, oromiffa
or: odia, oriya
pa: punjabi, panjabi, ਪੰਜਾਬੀ
pl: polish, polonais, polski
ps: pashto, pachto, pashtu, پښتو
pt: portuguese, portugais, portugues, português
qu: quechua, quichua
rn: kirundi, rundi
ro: romanian, roumain, romana, română
ru: russian, russe, ruso, русский
rw: kinyarwanda
sd: sindhi
sg: sango
shi: tachelhit, tashelhit, chleuh
si: sinhala, sinhalese, සිංහල
sk: slovak, slovaque, slovenčina
sl: slovenian, slovene, slovenščina
sn: shona
so: somali, soomaali, af soomaali
sq: albanian, albanais, shqip
sr: serbian, serbe, српски, srpski
ss: swati, siswati
st: sesotho, sotho
sv: swedish, suedois, svenska
sw: swahili, kiswahili
ta: tamil, tamoul, தமிழ்
te: telugu, తెలుగు
tg: tajik, тоҷикӣ
th: thai, ไทย
ti: tigrinya, tigrigna, ትግርኛ
tl: tagalog
tn: tswana, setswana
tr: turkish, turc, turco, türkçe
ts: tsonga, xitsonga
tzm: tamazight, central atlas tamazight
ug: uyghur
uk: ukrainian, ukrainien, українська
ur: urdu, ourdou, اردو
uz: uzbek, ouzbek, oʻzbekcha, o'zbek
ve: venda
vi: vietnamese, vietnamien, tiếng việt
wo: wolof
xh: xhosa, isixhosa
yo: yoruba
zgh: amazigh, amazighe, berber, berbere, ⵜⴰⵎⴰⵣⵉⵖⵜ, standard moroccan tamazight
zh: chinese, chinois, chino, mandarin, 中文, 汉语
zu: zulu, isizulu
"""
# Three letters that people write where two are usual (ISO 639-2 and 639-3).
_LONG = {
    "afr": "af", "amh": "am", "ara": "ar", "arb": "ar", "ben": "bn", "deu": "de", "ger": "de", "ell": "el", "eng": "en",
    "esp": "es", "spa": "es", "fas": "fa", "per": "fa", "ful": "ff", "fra": "fr", "fre": "fr", "hau": "ha", "heb": "he",
    "hin": "hi", "hat": "ht", "ibo": "ig", "ind": "id", "ita": "it", "jpn": "ja", "khm": "km", "kin": "rw", "kor": "ko",
    "kur": "ku", "lin": "ln", "mlg": "mg", "mya": "my", "bur": "my", "nep": "ne", "nld": "nl", "dut": "nl", "orm": "om",
    "pan": "pa", "pol": "pl", "por": "pt", "prt": "pt", "pus": "ps", "que": "qu", "ron": "ro", "run": "rn", "rus": "ru",
    "sag": "sg", "sin": "si", "sna": "sn", "som": "so", "swa": "sw", "swh": "sw", "tam": "ta", "tha": "th", "tir": "ti",
    "tgl": "tl", "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi", "wol": "wo", "xho": "xh", "yor": "yo", "zho": "zh",
    "chi": "zh", "zul": "zu",
}  # fmt: skip
_BRACKETED = re.compile(r"[(\[]\s*([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)\s*[)\]]\s*$")
_REGIONAL = re.compile(r"[A-Za-z]{2,3}[-_][A-Za-z]{2,4}")


@lru_cache(maxsize=256)
def language_code(text: str) -> str:
    """``Français (fr)``, ``French``, ``FRANCAIS``, ``fr`` → ``fr``; an unknown language keeps its name; ``default`` is none."""
    name = " ".join(text.split())
    if name.lower() == "default":
        return ""
    bracketed = _BRACKETED.search(name)
    code = _as_code(bracketed[1]) if bracketed else _as_code(name) if _REGIONAL.fullmatch(name) else ""
    if code.partition("-")[0] in CODES:
        return code
    for part in (name, re.sub(r"[(\[].*?[)\]]", " ", name), *re.split(r"[/|,;–—-]", name)):
        by_name = _KNOWN.get(_folded(part))
        if by_name:
            return by_name
    return code if bracketed else name


def knows_language(text: str) -> bool:
    """Whether *text* names a language by a code in brackets or by a name of the table."""
    name = " ".join(text.split())
    return bool(_BRACKETED.search(name)) or name.lower() == "default" or language_code(name).partition("-")[0] in CODES


def _as_code(text: str) -> str:
    """A code as the program writes it: two letters where there are two; a region stays."""
    language, mark, region = text.replace("_", "-").partition("-")
    language = language.lower()
    return f"{_LONG.get(language, language)}{mark}{region}"


def _folded(text: str) -> str:
    """The text without case, accents and marks, single-spaced."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def _table() -> dict[str, str]:
    names = dict(_LONG)
    for line in _NAMES.strip().splitlines():
        code, _, called = line.partition(": ")
        names[code] = code
        names.update({_folded(name): code for name in called.split(",")})
    return names


_KNOWN = _table()
CODES = frozenset(_KNOWN.values())
