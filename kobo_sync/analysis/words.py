"""Words that are nobody's name by themselves, and those that tell that a name comes: titles, functions, places, days, in French, Arabic and more."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

ARABIC = re.compile("[\u0600-\u06ff]")
# Marks that stand on letters, or between them unseen.
MARKS = "\u00ad\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u2060\ufeff"
WORD = re.compile(rf"[^\W\d_](?:[^\W\d_]|[{MARKS}])*")
_MARKS = re.compile(f"[{MARKS}]")
_SAME = str.maketrans("ةىٱیک", "هيايك")
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=1 << 15)
def key(word: str) -> str:
    """A word made comparable: no accents, case, vowel signs nor Arabic article; letters that are mixed up, and doubled ones, are one."""
    marked = unicodedata.normalize("NFKD", word.casefold())
    plain = "".join(c for c in _MARKS.sub("", marked) if not unicodedata.combining(c)).translate(_SAME)
    return squeezed(plain.removeprefix("ال") if len(plain) > 4 else plain)


def squeezed(text: str) -> str:
    """*text* with one letter for each doubled one: Mohammed is Mohamed."""
    return _DOUBLED.sub(r"\1", text)


def _keys(text: str) -> frozenset[str]:
    return frozenset(key(word) for word in text.split())


# Particles make no name by themselves, they belong to the one beside them.
PARTICLES = _keys(
    "el al ou u ben bin bint bent ibn abou abu bou abd abdel abdul ait aït ould oulad de du da di la le van von عبد ابن أبو بو بنت آيت بن أو ابي"
)
# Those that stand before a name and are no words of a sentence.
BEFORE_NAMES = _keys("el al ben bin bint bent ibn ait aït ould oulad abd abdel abdul")
TITLES = _keys(
    "m mr mrs ms miss mme mlle melle monsieur madame mademoiselle messieurs mesdames dr docteur pr me maître maitre sr sra señor señora si sidi moulay lalla "
    "lala hajj haj hadj el-hajj hajja hajja cheikh fqih faqih ustad oustad السيد السيدة سيد سيدة السي سي سيدي مولاي لالة لالا الآنسة السادة"
)
# These are nouns too: a name follows them only where they have the article and it has none.
ARABIC_NOUN_TITLES = _keys("الحاج الأستاذ الأستاذة الدكتور الدكتورة الشيخ الفقيه")
# Titles that names of places begin with as well.
PLACE_TITLES = _keys("sidi moulay lalla سيدي مولاي لالة")
_SAINTS = _keys(
    "kacem ifni slimane bennour bouzid rahal yahya harazem bouknadel allal taibi moumen bernoussi othmane maarouf hajjaj hamza chiker bibi zouine mokhtar yahia "
    "yacoub idriss bousselham brahim rachid abdellah ismail takerkoust aziza mimouna abdelkader قاسم إفني سليمان بنور بوزيد رحال يحيى حرازم علال مومن عثمان حمزة "
    "يعقوب إدريس بوسلهام رشيد إسماعيل تكركوست"
)
PLACE_NOUNS = _keys(
    "association associations assoc asso coopérative cooperative coop fondation fédération federation réseau union club comité comite organisation ong osc groupement "
    "école ecole école lycée lycee collège college université universite institut internat crèche dispensaire hôpital hopital clinique centre maison dar mosquée zaouia zaouïa "
    "rue avenue av boulevard bd place quartier hay résidence lotissement route pont barrage oued jbel djebel col aïn ain souk ksar kasbah douar village ville commune cercle "
    "caïdat caidat province région region préfecture aït ait oulad ouled beni bni zone site projet programme stade gare complexe "
    "جمعية الجمعية تعاونية مدرسة ثانوية إعدادية مستشفى مستوصف مسجد دوار جماعة شارع زنقة حي مؤسسة دار سوق واد وادي عين أولاد اولاد آيت بني مركز إقليم عمالة جهة مدينة قرية قصر قنطرة "
    "زاوية مجموعة شبكة فيدرالية اتحاد نادي منطقة"
)
PLACES = _keys(
    "maroc morocco marruecos rabat salé sale témara casablanca mohammedia kénitra kenitra tanger tétouan tetouan larache chefchaouen ouezzane hoceima nador oujda berkane jerada "
    "taourirt figuig guercif taza fès fes sefrou boulemane meknès meknes ifrane azrou khénifra khenifra midelt errachidia rissani erfoud tinghir ouarzazate zagora béni mellal "
    "azilal fquih khouribga settat berrechid jadida safi essaouira marrakech kelâa sraghna rehamna benguérir chichaoua haouz agadir inezgane taroudant tiznit chtouka guelmim tan-tan tata "
    "assa zag laâyoune boujdour smara dakhla drâa tafilalet souss massa oriental atlas rif sahara france espagne españa sénégal mali tunisie algérie "
    "المغرب الرباط سلا البيضاء الدار طنجة تطوان الحسيمة الناظور وجدة بركان تازة فاس صفرو بولمان مكناس إفران أزرو خنيفرة ميدلت الرشيدية تنغير ورزازات زاكورة ملال أزيلال "
    "خريبكة سطات الجديدة آسفي الصويرة مراكش أكادير تارودانت تزنيت كلميم العيون الداخلة درعة تافيلالت سوس ماسة الأطلس الريف"
)
DAYS = _keys(
    "lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août aout septembre octobre novembre décembre ramadan ramadhan aïd aid achoura "
    "mouloud chaabane rajab monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december "
    "lunes martes miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre "
    "الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد يناير فبراير مارس أبريل ابريل ماي يونيو يوليوز غشت شتنبر أكتوبر نونبر دجنبر رمضان شعبان رجب محرم صفر شوال العيد "
    "hiver printemps été automne matin midi soir صباح مساء ليل نهار شتاء صيف خريف"
)
# What answers are full of, and a name could be taken for.
ORDINARY = _keys(
    "les des une un mon ma mes ton ta tes son sa ses nos notre vos votre leur leurs ce cet cette ces je tu il elle on nous vous ils elles et ou où mais donc or ni car que qui quoi quand "
    "comme si sans sous sur par pour dans avec entre vers chez très trop peu plus moins pas non oui bien bon bonne mal beau belle grand grande petit petite fort forte nouveau nouvelle vieux jeune "
    "jeunes rien tout tous toute toutes chaque aucun aucune être avoir est sont était a ont fait faire faut peut merci bravo bonjour salut eau route école santé transport internat cantine "
    "élèves filles garçons femmes hommes enfants parents familles personnes gens formation projet travail emploi besoin besoins manque ambulance médecin médicaments électricité lumière "
    "route piste pont toit salle classe hiver neige réunion lettre pétition dossier visite accord appui soutien aide suivi atelier module jeu jeux rôle carte acteurs négociation plaidoyer "
    "the and for with from this that there their they what when where which who will would should good great thanks "
    "من في على علي إلى الى عن مع هذا هذه ذلك التي الذي الذين كل بعض جدا ان أن إن لا ما لم لن قد كان كانت يكون هو هي هم نحن انا أنا ثم او أو و بعد قبل عند بين حتى حول خلال عدم غير اكثر أكثر اقل "
    "كما لكن ايضا أيضا فقط لان لأن اليوم غدا أمس الآن هنا هناك شكرا مرحبا نعم ماء الماء طريق الطريق مدرسة الصحة النقل صحة نقل كهرباء قسم أقسام تلاميذ نساء رجال أطفال شباب عمر حسن جميل "
    "كبير صغير جديد قديم طويل قصير بعيد قريب سعيد أمل الأمل نور النور سلام السلام حياة الحياة ربيع الربيع حق الحق عدل العدل عام العام خاص عامة "
    "قال قالت يقول تقول طلب طلبت يجب يمكن نريد نحتاج نطلب وعد حضر حضرت جاء جاءت ذهب المحترم المحترمة"
)
# Nouns that are names as well: such a one tells somebody only where it is written with a capital.
HOMONYMS = _keys(
    "rose marine claire pierre olive fleur perle reine ange victoire constance prudence désiré parfait espoir grâce clémence violette marguerite berger boulanger boucher marchand maire moulin "
    "fontaine rivière dubois dupont leblanc lenoir roux blanc noir brun gris vert rouge bleu roi reine prince comte lion loup cheval coq paix amour joie ciel soleil lune étoile étoiles mer source "
    "nature saison heure jour jours semaine mois an année ans fois chose choses droit droits loi école hôpital lumière monde pays village ville avenir futur passé vie mort main tête coeur "
    "luz mar sol cielo esperanza consuelo dolores mercedes rosario pilar amparo paz flor rey campo rivera costa torre iglesia casa madre padre hijo "
    "hope grace joy rose lily dawn sky star king young rich long short brown green white black gray hall wood stone field lake hill bush"
)
_ROLES = _keys(
    "président présidente presidente vice directeur directrice maire caïd caid khalifa pacha wali gouverneur ministre délégué déléguée député députée conseiller conseillère élu élue élus "
    "secrétaire secrétaires trésorier trésorière membre membres responsable chef cheffe coordinateur coordinatrice coordonnateur coordonnatrice animateur animatrice formateur formatrice docteur "
    "médecin médecins infirmier infirmière sage-femme enseignant enseignante professeur professeure instituteur institutrice juge avocat notaire imam moqaddem cheikh agent technicien "
    "ingénieur consul ambassadeur roi reine prince juré préfet recteur doyen inspecteur inspectrice commissaire commandant colonel général capitaine adjoint adjointe chargé chargée "
    "president director secretary mayor governor minister member teacher doctor nurse head chief manager presidenta directora alcalde "
    "قائد رئيس رئيسة مندوب مندوبة مدير مديرة عامل والي باشا وزير وزيرة كاتب كاتبة نائب نائبة مستشار مستشارة خليفة مقدم شيخ طبيب طبيبة ممرض ممرضة استاذ أستاذ استاذة معلم معلمة ناظر مهندس مهندسة عميد "
    "قاضي محامي وكيل مفتش مراقب حارس عون امين أمين امينة منسق منسقة منشط منشطة مكون مكونة ممثل ممثلة برلماني عضو عضوة محافظ قنصل سفير مسؤول مسؤولة نقيب منتخب منتخبون دكتور رواد"
)
_ROLE_STEMS = tuple(
    key(stem)
    for stem in "présid secrét trésor coordin coordo respons direct anim format membre charg assist conseil délég représent chef infirm médec enseign profess instit "
    "sage agent technic ingén maire caid gouvern minist comit assoc coopér commis bureau group équip fédér réseau union commun provinc région ville douar école lycée collèg admin "
    "gestion comptab juri avoc consult expert point focal société civil jeun femme homme parent élève étudi autorit préfect servic départ division cellul pôl volont bénévol relais "
    "facilit supervis enquêt leader adhér fondat élu notabl imam notair personn societ organis ong osc cld aref ada indh onee onep ministère mairie conseil collectiv état partenair acteur "
    "citoyen habit popul tous tout chaque cadre ensemble staff team member local région national".split()
)
NOT_NAMES = PLACES | DAYS | ORDINARY
STOPS = NOT_NAMES | HOMONYMS | PLACE_NOUNS | _ROLES
ROMAN = frozenset("I II III IV V VI VII VIII IX X".split())


def is_role(word: str) -> bool:
    """Whether the key *word* begins as words of functions and bodies do."""
    return word in STOPS or word.startswith(_ROLE_STEMS)


def is_saint(word: str) -> bool:
    """Whether the key *word* after Sidi, Moulay or Lalla is, as a rule, a place."""
    return word in _SAINTS
