"""The words that passwords are made of most often, in French, English, Spanish, Arabic and its transliterations.

Digits, years, signs and letters written as digits are taken away before.
"""

WORDS = """
password passwort passwd pass motdepasse mdp contrasena senha login user utilisateur usuario admin administrateur
administrator root guest invite default changeme change welcome bienvenue bienvenido bonjour bonsoir salut hello
hola coucou secret confidentiel private test tester testing demo azerty qwerty qwertz azertyuiop qwertyuiop asdf
qsdf zxcv wxcv aze qwe azer qsd letmein trustno iloveyou jetaime teamo monamour amour love lovely loveme amor
chouchou cheri cherie doudou loulou princesse princess prince soleil sunshine lune moon star etoile flower fleur
rose marie jesus maria christ dieu god allah mohamed mohammed muhammad mohamad ahmed fatima khadija hamza youssef
yassine ayoub amine mehdi karim rachid said hassan hussein omar ali aicha zineb salma imane meryem sara sarah samira
nadia leila michael jordan daniel thomas nicolas julien camille marine pierre jean paul antoine charlie andrew
joshua robert jennifer jessica ashley hunter dragon monkey tigger tiger lion panda chocolat chocolate cookie bonbon
banane orange cheese pepper ginger buster football foot soccer basket baseball barcelona barca realmadrid madrid
liverpool arsenal chelsea juventus marseille raja wydad rajaclub messi ronaldo neymar zidane superman batman
spiderman pokemon naruto starwars matrix master shadow killer ninja warrior freedom liberte france paris maroc
morocco marrakech marrakesh casablanca casa rabat fes agadir tanger tangier amizmiz alhaouz haouz algerie alger
tunisie tunis senegal dakar mali bamako niger niamey espana mexico colombia peru argentina canada quebec belgique
suisse tchad cameroun congo kinshasa abidjan cotedivoire burkina benin togo guinee mauritanie maman mama papa mami
papi famille family familia enfant bebe baby vie vida life espoir hope paix peace salam bonheur happy computer
ordinateur internet windows office google facebook whatsapp gmail yahoo hotmail android samsung nokia iphone apple
microsoft formation enquete mission projet project equipe team bureau ecole school terrain agent enqueteur
enumerateur collecte donnees data printemps ete automne hiver summer winter spring autumn janvier fevrier mars avril
mai juin juillet aout septembre octobre novembre decembre january february march april june july august september
october november december lundi mardi mercredi jeudi vendredi samedi dimanche monday tuesday wednesday thursday
friday saturday sunday abc abcd un deux trois quatre cinq one two three four five uno dos tres super cool nice best
bon mon ma mes the my new nouveau nouvelle كلمةالسر كلمةالمرور كلمة السر المرور سر مرور مرحبا اهلا السلام عليكم سلام
بسم الله الرحمن الرحيم الحمدلله الحمد لله محمد احمد علي عمر حسن حسين فاطمة خديجة عائشة مريم يوسف حمزة كريم سعيد رشيد
المغرب الجزائر تونس مراكش الرباط الدارالبيضاء فاس حبيبي حبيبتي حب احبك امي ابي حياتي قلبي القران الاسلام رمضان sirr
kalima kalimat assir almorour marhaba ahlan salamalikom
salamalikoum salamalaykoum assalam salamou alaykoum bismillah hamdoulillah hamdullah
inchallah inshallah mashallah machallah habibi habibti hbiba hbibi omri hayati qalbi lhoub hobi bladi maghrib
almaghrib ramadan islam quran coran
"""
