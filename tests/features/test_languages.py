"""The texts were written for these tests."""

# ruff: noqa: RUF001 - letters that look like others are the point

import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.features.languages import (
    UNDETERMINED,
    dominant_script,
    function_words,
    judge_language,
    judge_languages,
    language_of,
    language_table,
    languages_of,
)
from falsetrue.features.words import words

#: Short news, posts and headlines, each with its language.
SAMPLES = [
    (
        "en",
        "The mayor said on Tuesday that the bridge would stay closed "
        "until engineers had checked every one of its cables.",
    ),
    ("en", "Why Nobody Wants To Talk About What Happened At The Water Plant"),
    ("en", "THEY DO NOT WANT YOU TO KNOW THIS: THE BANK IS CLOSING ALL OF ITS BRANCHES"),
    (
        "en",
        "omg i cant believe what they did to the library, its like they "
        "dont even care about us @cityhall https://t.co/x1y2z3",
    ),
    (
        "en",
        "Read this before it is deleted: https://www.example.com/news/story?id=12 and share it with all your friends",
    ),
    (
        "en",
        "Maria Gonzalez of Casa de la Cultura in Santa Fe was among those who spoke at the hearing, the clerk said.",
    ),
    (
        "es",
        "El alcalde dijo el martes que el puente seguirá cerrado hasta que los ingenieros revisen todos sus cables.",
    ),
    ("es", "Lo que nadie te cuenta sobre la planta de agua de la ciudad"),
    ("es", "URGENTE: EL BANCO CIERRA TODAS SUS SUCURSALES Y NO LE DEVUELVE EL DINERO A LA GENTE"),
    (
        "es",
        "no puedo creer lo que hicieron con la biblioteca, es que ya no les importa nada @alcaldia https://t.co/x1y2z3",
    ),
    ("es", "La policia detuvo a un hombre que segun los vecinos habia entrado en la casa por la noche."),
    ("es", "John Smith, de la empresa New York Times, llegó a Bogotá para hablar con los periodistas sobre su libro."),
    (
        "pt",
        "O prefeito disse na terça-feira que a ponte vai ficar fechada "
        "até que os engenheiros verifiquem todos os cabos.",
    ),
    ("pt", "Não acredito no que eles fizeram com a biblioteca, já não se importam com nada"),
    ("pt", "A polícia deteve um homem que, segundo os vizinhos, tinha entrado na casa durante a noite."),
    (
        "fr",
        "Le maire a déclaré mardi que le pont resterait fermé jusqu'à ce "
        "que les ingénieurs aient vérifié tous les câbles.",
    ),
    ("fr", "CE QUE PERSONNE NE VOUS DIT SUR L'EAU DE LA VILLE ET SUR CEUX QUI LA VENDENT"),
    ("fr", "La police a arrêté un homme qui, selon les voisins, était entré dans la maison pendant la nuit."),
    (
        "it",
        "Il sindaco ha detto martedì che il ponte resterà chiuso finché "
        "gli ingegneri non avranno controllato tutti i cavi.",
    ),
    ("it", "Quello che nessuno ti dice sull'acqua della città e su chi la vende"),
    ("it", "La polizia ha arrestato un uomo che secondo i vicini era entrato nella casa durante la notte."),
    (
        "ca",
        "L'alcalde va dir dimarts que el pont continuarà tancat fins que els enginyers hagin revisat tots els cables.",
    ),
    ("ca", "La policia va detenir un home que, segons els veïns, havia entrat a la casa amb una clau durant la nit."),
    ("ca", "Aquesta setmana els diputats han votat una llei que també afecta les escoles i els seus mestres."),
    ("gl", "O alcalde dixo o martes que a ponte seguirá pechada ata que os enxeñeiros revisen todos os cables."),
    ("gl", "A policía detivo un home que, segundo os veciños, entrara na casa cunha chave durante a noite."),
    ("gl", "Esta semana os deputados votaron unha lei que tamén afecta ás escolas e aos seus mestres."),
    ("ro", "Primarul a spus marți că podul va rămâne închis până când inginerii vor verifica toate cablurile."),
    (
        "ro",
        "Politia a retinut un barbat care, dupa cum spun vecinii, a intrat in casa in timpul noptii si nu a mai iesit.",
    ),
    (
        "de",
        "Der Bürgermeister sagte am Dienstag, dass die Brücke gesperrt "
        "bleibt, bis die Ingenieure alle Kabel geprüft haben.",
    ),
    ("de", "WAS DIR NIEMAND ÜBER DAS WASSER DER STADT SAGT UND WARUM ES JETZT ALLE WISSEN MÜSSEN"),
    ("de", "Die Polizei nahm einen Mann fest, der nach Angaben der Nachbarn in der Nacht in das Haus gekommen war."),
    ("nl", "De burgemeester zei dinsdag dat de brug dicht blijft tot de ingenieurs alle kabels hebben gecontroleerd."),
    ("nl", "De politie heeft een man aangehouden die volgens de buren in de nacht het huis was binnengegaan."),
    ("nl", "In Nederland was het weer in de winter warm, maar op de wegen is het over een week anders."),
    (
        "af",
        "Die burgemeester het Dinsdag gesê dat die brug gesluit sal bly "
        "totdat die ingenieurs al die kabels nagegaan het.",
    ),
    ("af", "Die polisie het 'n man in hegtenis geneem wat volgens die bure in die nag by die huis ingegaan het."),
    (
        "sv",
        "Borgmästaren sade på tisdagen att bron kommer att vara stängd "
        "tills ingenjörerna har kontrollerat alla kablar.",
    ),
    ("sv", "Polisen grep en man som enligt grannarna hade gått in i huset under natten."),
    ("da", "Borgmesteren sagde tirsdag, at broen vil være lukket, indtil ingeniørerne har set på alle dens kabler."),
    (
        "da",
        "Politiet anholdt en mand, som ifølge naboerne var gået ind i "
        "huset om natten, men han blev løsladt af dem igen.",
    ),
    (
        "no",
        "Ordføreren sa tirsdag at broen vil være stengt til ingeniørene "
        "har sett på alle kablene, og at noen av dem må byttes.",
    ),
    (
        "no",
        "Politiet pågrep en mann som ifølge naboene hadde gått inn i "
        "huset om natten, men han ble løslatt etter kort tid.",
    ),
    (
        "is",
        "Borgarstjórinn sagði á þriðjudag að brúin yrði lokuð þar til verkfræðingar hefðu skoðað alla kapla hennar.",
    ),
    (
        "fi",
        "Pormestari sanoi tiistaina, että silta on suljettu, kunnes insinöörit ovat tarkastaneet sen kaikki kaapelit.",
    ),
    (
        "fi",
        "Poliisi otti kiinni miehen, joka naapurien mukaan oli mennyt "
        "taloon yöllä, mutta hän ei ole vielä kertonut miksi.",
    ),
    ("et", "Linnapea ütles teisipäeval, et sild on suletud, kuni insenerid on kõik selle kaablid üle vaadanud."),
    ("et", "Politsei pidas kinni mehe, kes naabrite sõnul oli öösel majja läinud, kuid ta ei ole veel midagi öelnud."),
    (
        "pl",
        "Burmistrz powiedział we wtorek, że most będzie zamknięty, dopóki inżynierowie nie sprawdzą wszystkich lin.",
    ),
    (
        "pl",
        "Policja zatrzymała mężczyznę, który według sąsiadów wszedł w nocy "
        "do domu, ale nie wiadomo jeszcze, po co to zrobił.",
    ),
    (
        "cs",
        "Starosta v úterý řekl, že most bude uzavřen, dokud inženýři "
        "nezkontrolují všechna jeho lana, a že to může být i rok.",
    ),
    ("cs", "Policie zadržela muže, který podle sousedů vešel v noci do domu, ale není jasné, proč tam byl."),
    (
        "sk",
        "Primátor v utorok povedal, že most bude zatvorený, kým inžinieri "
        "neskontrolujú všetky jeho laná, a že to môže byť aj rok.",
    ),
    ("sk", "Polícia zadržala muža, ktorý podľa susedov vošiel v noci do domu, ale nie je jasné, prečo tam bol."),
    ("sl", "Župan je v torek povedal, da bo most zaprt, dokler inženirji ne pregledajo vseh njegovih kablov."),
    (
        "hr",
        "Gradonačelnik je u utorak rekao da će most biti zatvoren dok inženjeri ne pregledaju sve njegove kablove.",
    ),
    ("hr", "Policija je uhitila muškarca koji je prema riječima susjeda ušao u kuću, ali još se ne zna zašto."),
    (
        "hu",
        "A polgármester kedden azt mondta, hogy a híd zárva marad, amíg a mérnökök meg nem nézik az összes kábelt.",
    ),
    (
        "hu",
        "A rendőrség őrizetbe vett egy férfit, aki a szomszédok szerint "
        "éjjel ment be a házba, de nem tudni, hogy miért.",
    ),
    (
        "tr",
        "Belediye başkanı salı günü köprünün mühendisler bütün kabloları kontrol edene "
        "kadar kapalı olacağını söyledi, ancak bu çok uzun bir süre değil.",
    ),
    ("tr", "Polis, komşulara göre gece eve giren bir adamı gözaltına aldı ama neden girdiği henüz belli değil."),
    (
        "az",
        "Polis gecə evə girən bir nəfəri saxlayıb, amma onun niyə orada "
        "olduğu hələ bəlli deyil və bu barədə heç kim danışmır.",
    ),
    (
        "id",
        "Wali kota mengatakan pada hari Selasa bahwa jembatan itu akan "
        "ditutup sampai para insinyur memeriksa semua kabelnya.",
    ),
    (
        "id",
        "Polisi menangkap seorang pria yang menurut tetangga masuk ke "
        "rumah itu pada malam hari, tetapi belum jelas untuk apa.",
    ),
    (
        "id",
        "Polis menahan seorang lelaki yang dikatakan masuk ke rumah itu "
        "pada waktu malam, tetapi beliau tidak memberi sebab.",
    ),
    ("sw", "Meya alisema siku ya Jumanne kwamba daraja hilo litafungwa hadi wahandisi watakapokagua nyaya zake zote."),
    ("sw", "Polisi walimkamata mtu ambaye kwa mujibu wa majirani aliingia katika nyumba hiyo wakati wa usiku."),
    (
        "vi",
        "Thị trưởng nói hôm thứ Ba rằng cây cầu sẽ đóng cho đến khi các kỹ sư kiểm tra xong tất cả dây cáp của nó.",
    ),
    ("vi", "Cảnh sát đã bắt một người đàn ông được cho là vào nhà trong đêm, nhưng không ai biết vì sao."),
    (
        "sq",
        "Kryetari i bashkisë tha të martën se ura do të mbetet e mbyllur "
        "derisa inxhinierët të kontrollojnë të gjitha kabllot.",
    ),
    (
        "lt",
        "Meras antradienį sakė, kad tiltas bus uždarytas, kol inžinieriai "
        "patikrins visus jo lynus, bet tai gali būti ir po metų.",
    ),
    (
        "lv",
        "Mērs otrdien teica, ka tilts būs slēgts, līdz inženieri "
        "pārbaudīs visus tā kabeļus, bet tas var būt arī pēc gada.",
    ),
    (
        "eu",
        "Alkateak asteartean esan zuen zubia itxita egongo dela ingeniariek "
        "kable guztiak begiratu arte, baina ez du esan noiz izango den.",
    ),
    (
        "tl",
        "Sinabi ng alkalde noong Martes na mananatiling sarado ang tulay "
        "hanggang sa masuri ng mga inhinyero ang lahat ng kable nito.",
    ),
    (
        "la",
        "Consul dixit pontem clausum esse donec omnia vincula eius visa "
        "essent, sed populus non credidit ei, quia hoc saepe dixerat.",
    ),
    (
        "eo",
        "La urbestro diris marde, ke la ponto restos fermita ĝis la inĝenieroj estos kontrolintaj ĉiujn ĝiajn kablojn.",
    ),
    (
        "ga",
        "Dúirt an méara Dé Máirt go mbeidh an droichead dúnta go dtí go "
        "bhfuil na cáblaí go léir seiceáilte ag na hinnealtóirí.",
    ),
    (
        "cy",
        "Dywedodd y maer ddydd Mawrth y bydd y bont ar gau nes bod y "
        "peirianwyr wedi gweld pob un o'r ceblau, ond nid oes dyddiad eto.",
    ),
    (
        "mt",
        "Is-sindku qal it-Tlieta li l-pont se jibqa' magħluq sakemm l-inġiniera jkunu raw il-kejbils kollha tiegħu.",
    ),
    (
        "ht",
        "Majistra a te di madi ke pon an ap rete fèmen jiskaske enjenyè "
        "yo fin gade tout kab li yo, men moun yo pa kwè sa.",
    ),
    (
        "so",
        "Duqa magaalada ayaa sheegay in buundada ay xirnaan doonto ilaa ay injineeradu "
        "ka hubiyaan dhammaan waxa ku jira, laakiin ma uu sheegin goorta.",
    ),
    (
        "uz",
        "Shahar hokimi bu ko'prik yopiq bo'ladi va uning ochilishi uchun yana "
        "bir yil kerak deb aytgan, lekin hech kim bunga ishonmagan.",
    ),
    (
        "ru-Latn",
        "Mer skazal chto most budet zakryt poka inzhenery ne proveryat vse "
        "trosy, no eto mozhet byt ne tak dolgo kak on dumaet",
    ),
    (
        "el-Latn",
        "O dimarxos eipe oti i gefyra tha einai kleisti mexri na deixoun "
        "oi mixanikoi ola ta kalodia tis, alla den eipe pote",
    ),
    (
        "hi-Latn",
        "Mayor ne kaha hai ki pul tab tak band rahega jab tak engineer "
        "iske sab taar nahi dekh lete, lekin koi nahi jaanta kab",
    ),
    ("ru", "Мэр сказал во вторник, что мост будет закрыт, пока инженеры не проверят все его тросы."),
    ("uk", "Мер сказав у вівторок, що міст буде закритий, поки інженери не перевірять усі його троси."),
    ("be", "Мэр сказаў у аўторак, што мост будзе зачынены, пакуль інжынеры не правераць усе яго тросы."),
    ("bg", "Кметът каза във вторник, че мостът ще бъде затворен, докато инженерите проверят всички въжета."),
    ("sr", "Градоначелник је у уторак рекао да ће мост бити затворен док инжењери не прегледају све његове каблове."),
    ("el", "Ο δήμαρχος είπε την Τρίτη ότι η γέφυρα θα μείνει κλειστή μέχρι να ελέγξουν οι μηχανικοί όλα τα καλώδια."),
    ("ar", "قال رئيس البلدية يوم الثلاثاء إن الجسر سيبقى مغلقا حتى يفحص المهندسون جميع الكابلات."),
    (
        "fa",
        "شهردار روز سه‌شنبه گفت که پل تا زمانی که مهندسان همه کابل‌ها را بررسی کنند بسته می‌ماند و چیزی تغییر نمی‌کند.",
    ),
    ("ur", "میئر نے منگل کو کہا کہ پل اس وقت تک بند رہے گا جب تک انجینئر اس کے تمام تار نہ دیکھ لیں۔"),
    ("he", "ראש העיר אמר ביום שלישי שהגשר יישאר סגור עד שהמהנדסים יבדקו את כל הכבלים."),
    ("hi", "मेयर ने मंगलवार को कहा कि जब तक इंजीनियर सभी तार नहीं देख लेते, तब तक पुल बंद रहेगा।"),
    ("bn", "মেয়র মঙ্গলবার বলেছেন যে প্রকৌশলীরা সব তার না দেখা পর্যন্ত সেতুটি বন্ধ থাকবে।"),
    ("ta", "பொறியாளர்கள் எல்லா கம்பிகளையும் பார்க்கும் வரை பாலம் மூடப்பட்டிருக்கும் என்று மேயர் கூறினார்."),
    ("zh", "市长周二表示，在工程师检查完所有缆绳之前，这座桥将一直关闭。"),
    ("zh", "市長星期二表示，BBC News 和 CNN 都報導了這座橋將繼續關閉的消息。"),
    ("ja", "市長は火曜日、技術者がすべてのケーブルを調べ終わるまで橋は閉鎖されると述べた。"),
    ("ko", "시장은 화요일 기술자들이 모든 케이블을 점검할 때까지 다리가 폐쇄될 것이라고 말했다."),
    ("th", "นายกเทศมนตรีกล่าวเมื่อวันอังคารว่าสะพานจะปิดจนกว่าวิศวกรจะตรวจสายเคเบิลทั้งหมด"),
    ("ka", "მერმა სამშაბათს თქვა, რომ ხიდი დაკეტილი იქნება, სანამ ინჟინრები ყველა გვარლს არ შეამოწმებენ."),
    ("hy", "Քաղաքապետը երեքշաբթի ասաց, որ կամուրջը փակ կմնա, մինչև ինժեներները ստուգեն բոլոր մալուխները։"),
    ("am", "ከንቲባው ማክሰኞ ዕለት ድልድዩ ተዘግቶ እንደሚቆይ ተናግረዋል።"),
    (
        "gl",
        "O Goberno galego anunciou onte que vai investir máis cartos nos "
        "hospitais da comarca, pero os sindicatos din que non é suficiente.",
    ),
    (
        "gl",
        "Unha veciña da parroquia contou que levaban meses pedindo que se amañase a estrada que une as dúas aldeas.",
    ),
    ("gl", "Os mariñeiros volveron ao porto despois de tres días sen poder saír ao mar por mor do temporal."),
    (
        "ca",
        "El Govern va anunciar ahir que invertirà més diners als hospitals de "
        "la comarca, però els sindicats diuen que no n'hi ha prou.",
    ),
    ("ca", "Els pescadors van tornar al port després de tres dies sense poder sortir a la mar."),
    ("ca", "L'empresa va presentar un pla per construir un parc eòlic a la muntanya i la gent hi està en contra."),
    ("ca", "Ningú sap per què el president va decidir marxar de la reunió abans que es votés el pressupost."),
    (
        "it",
        "Il governo ha annunciato ieri che investirà più soldi negli "
        "ospedali della regione, ma i sindacati dicono che non basta.",
    ),
    ("it", "I pescatori sono tornati in porto dopo tre giorni senza poter uscire in mare."),
    ("it", "Nessuno sa perché il presidente abbia deciso di lasciare la riunione prima del voto."),
    ("it", "SCANDALO AL COMUNE: ECCO COSA NON VI DICONO DEI SOLDI DELLE TASSE"),
    (
        "pt",
        "O governo anunciou ontem que vai investir mais dinheiro nos "
        "hospitais da região, mas os sindicatos dizem que não chega.",
    ),
    ("pt", "Os pescadores voltaram ao porto depois de três dias sem poder sair para o mar."),
    ("pt", "Ninguém sabe por que o presidente decidiu deixar a reunião antes da votação."),
    ("pt", "ESCÂNDALO NA PREFEITURA: O QUE NÃO TE CONTAM SOBRE O DINHEIRO DOS IMPOSTOS"),
    ("fr", "Le gouvernement a annoncé hier qu'il allait investir plus d'argent dans les hôpitaux de la région."),
    ("fr", "Personne ne sait pourquoi le président a décidé de quitter la réunion avant le vote."),
    ("fr", "Scandale à la mairie : ce qu'on ne vous dit pas sur l'argent des impôts"),
    (
        "ro",
        "Guvernul a anunțat ieri că va investi mai mulți bani în spitalele "
        "din regiune, dar sindicatele spun că nu este destul.",
    ),
    ("ro", "Nimeni nu știe de ce președintele a hotărât să plece de la ședință înainte de vot."),
    (
        "de",
        "Die Regierung kündigte gestern an, mehr Geld in die Krankenhäuser der "
        "Region zu stecken, doch den Gewerkschaften reicht das nicht.",
    ),
    ("de", "Niemand weiß, warum der Präsident die Sitzung vor der Abstimmung verlassen hat."),
    ("nl", "De regering heeft gisteren aangekondigd dat er meer geld naar de ziekenhuizen in de regio gaat."),
    ("nl", "Niemand weet waarom de voorzitter de vergadering voor de stemming heeft verlaten."),
    (
        "af",
        "Die regering het gister aangekondig dat daar meer geld na die "
        "hospitale in die streek gaan, maar dit is nie genoeg nie.",
    ),
    ("da", "Regeringen sagde i går, at den vil give flere penge til sygehusene i området, men det er ikke nok."),
    ("no", "Regjeringen sa i går at den vil gi mer penger til sykehusene i området, men det er ikke nok."),
    ("sv", "Regeringen sade i går att den vill ge mer pengar till sjukhusen i området, men det räcker inte."),
    ("fi", "Hallitus ilmoitti eilen, että se antaa lisää rahaa alueen sairaaloille, mutta se ei riitä kaikille."),
    ("pl", "Rząd ogłosił wczoraj, że przeznaczy więcej pieniędzy na szpitale w regionie, ale to nie wystarczy."),
    ("cs", "Vláda včera oznámila, že dá více peněz na nemocnice v kraji, ale odbory říkají, že to nestačí."),
    ("sk", "Vláda včera oznámila, že dá viac peňazí na nemocnice v kraji, ale odbory hovoria, že to nestačí."),
    (
        "hr",
        "Vlada je jučer objavila da će dati više novca za bolnice u regiji, ali sindikati kažu da to nije dovoljno.",
    ),
    (
        "sl",
        "Vlada je včeraj sporočila, da bo dala več denarja za "
        "bolnišnice v regiji, a sindikati pravijo, da to ni dovolj.",
    ),
    (
        "hu",
        "A kormány tegnap bejelentette, hogy több pénzt ad a kórházaknak, de a szakszervezetek szerint ez nem elég.",
    ),
    (
        "tr",
        "Hükümet dün bölgedeki hastanelere daha fazla para vereceğini "
        "açıkladı ama sendikalar bunun yeterli olmadığını söylüyor.",
    ),
    (
        "id",
        "Pemerintah kemarin mengumumkan akan memberi lebih banyak uang kepada rumah sakit, tetapi itu belum cukup.",
    ),
    (
        "sw",
        "Serikali ilitangaza jana kwamba itatoa fedha zaidi kwa hospitali za mkoa, lakini vyama vinasema hazitoshi.",
    ),
    ("vi", "Chính phủ hôm qua thông báo sẽ chi thêm tiền cho các bệnh viện trong vùng, nhưng như vậy là chưa đủ."),
    ("lt", "Vyriausybė vakar pranešė, kad skirs daugiau pinigų ligoninėms, bet profsąjungos sako, kad to nepakanka."),
    ("lv", "Valdība vakar paziņoja, ka dos vairāk naudas slimnīcām, bet arodbiedrības saka, ka ar to nepietiek."),
    ("et", "Valitsus teatas eile, et annab haiglatele rohkem raha, kuid ametiühingute sõnul sellest ei piisa."),
    (
        "eu",
        "Gobernuak atzo jakinarazi zuen diru gehiago emango diela eskualdeko "
        "ospitaleei, baina sindikatuek ez dela nahikoa diote.",
    ),
    (
        "tl",
        "Inanunsyo ng pamahalaan kahapon na magbibigay ito ng mas maraming pera sa mga ospital, pero hindi ito sapat.",
    ),
    ("sq", "Qeveria njoftoi dje se do të japë më shumë para për spitalet, por sindikatat thonë se kjo nuk mjafton."),
    (
        "eo",
        "La registaro diris hieraŭ, ke ĝi donos pli da mono al la malsanulejoj de la regiono, sed tio ne sufiĉas.",
    ),
    ("la", "Senatus heri dixit se plus pecuniae medicis daturum esse, sed multi putant hoc non satis esse."),
    (
        "es",
        "El gobierno anunció ayer que invertirá más dinero en los hospitales "
        "de la región, pero los sindicatos dicen que no basta.",
    ),
    ("es", "Nadie sabe por qué el presidente decidió dejar la reunión antes de la votación."),
    ("es", "ESCÁNDALO EN LA ALCALDÍA: LO QUE NO TE CUENTAN DEL DINERO DE LOS IMPUESTOS"),
    (
        "en",
        "The government said yesterday that it would put more money into the "
        "region's hospitals, but unions say it is not enough.",
    ),
    ("en", "Nobody knows why the president chose to leave the meeting before the vote"),
    ("en", "SCANDAL AT CITY HALL: WHAT THEY ARE NOT TELLING YOU ABOUT YOUR TAXES"),
]

#: Short texts with as many function words of a neighbouring language.
AMBIGUOUS = [
    (
        "gl",
        "A empresa presentou un plan para construír un parque eólico no monte e a xente do concello está en contra.",
    ),
    ("gl", "Ninguén sabe por que o presidente decidiu marchar da reunión antes de que se votase o orzamento."),
    ("ca", "Una veïna del poble va explicar que feia mesos que demanaven que s'arreglés la carretera."),
]

#: Languages that are not listed, none of which may pass for one that a model knows.
UNLISTED = [
    "De Buergermeeschter sot en Dënschdeg, datt d'Bréck zou bleift, bis d'Ingenieuren all d'Kabele kontrolléiert hunn.",
    "De boargemaster sei tiisdei dat de brêge ticht bliuwt oant de yngenieurs alle kabels neisjoen hawwe.",
    "E gobernador a bisa djamars ku e brùg lo keda será te ora e ingenieronan a kontrolá tur e kabelnan.",
    "Magajin garin ya ce a ranar Talata gadar za ta kasance a rufe har sai injiniyoyi sun duba dukkan wayoyinta.",
    "Imeya ithe ngoLwesibili ibhuloho lizohlala livaliwe kuze kube onjiniyela bahlola zonke izintambo zalo.",
    "I kī te koromatua i te Rātū ka kati tonu te piriti kia oti rā anō i ngā kaihanga te titiro i ngā taura katoa.",
    "Ar maer en deus lavaret e vo serret ar pont betek ma vo gwiriet an holl fardoù gant an ijinourien.",
    "Borgarstjórin segði týsdagin, at brúgvin fer at vera stongd, til verkfrøðingarnir hava kannað allar kaplarnar.",
    "Şaredar roja sêşemê got ku pir wê girtî bimîne heta ku endezyar hemû kabloyan kontrol bikin.",
    "Kuraqqa nirqan chakaqa wichqasqam kanqa llapa waskhakunata qhawanankukama nispa.",
    "Mburuvicha he'i ko ára mbohapy pe puente oñembotytaha ko'ã ára peve oñemaña haguã.",
]

#: Texts in no language, or with too few of its words to tell.
UNCLEAR = [
    "",
    " \n\t",
    "2026 11 23 100 200 300 400",
    "😀😀 👍🏽 🔥🔥🔥",
    "apple river stone window garden bottle mountain silver engine paper forest copper",
    "manzana río piedra ventana jardín botella montaña plata motor papel bosque cobre",
    "senate committee judge president minister police hospital school army market budget election",
    "hospital radio hotel taxi photo video internet robot virus banana piano tennis",
    "Angela Merkel Emmanuel Macron Boris Johnson Justin Trudeau Donald Trump Vladimir Putin",
    "def area(radius): return math.pi * radius ** 2  # print(area(3)) import math numpy pandas",
    "for (int i = 0; i < n; i++) { total += values[i]; } return total / n;",
    "qwerty asdf zxcv hjkl uiop vbnm qwer tyui ghjk wert sdfg xcvb",
    "https://www.example.com/a/b/c https://t.co/x1 https://t.co/x2 #news @somebody",
    "Trump wins",
    "Gana Petro",
]

#: What the tests of invariants make texts of: function words, other words, and other scripts.
TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["the", "and", "de", "la", "que", "los", "der", "und", "is", "with", "por", "no", "hai", "İ"]),
        st.sampled_from(["apple", "piedra", "Москва", "市长周二表示", "ひらがな", "السلام", "\ud800", "’", "42"]),
        st.text(max_size=6),
    ),
    max_size=40,
).map(" ".join)


def counted(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Function words by language and words of each text, counted one at a time."""
    cut = [words(text) for text in texts]
    counts = [[sum(word in group for word in tokens) for group in function_words().values()] for tokens in cut]
    return np.array(counts, dtype=np.int64), np.array([len(tokens) for tokens in cut], dtype=np.int64)


@pytest.mark.parametrize(("language", "text"), SAMPLES)
def test_a_short_text_of_a_known_language_is_recognised(language: str, text: str) -> None:
    assert language_of(text) == language


def test_the_samples_are_enough_to_mean_something() -> None:
    assert len(SAMPLES) >= 60
    assert {language for language, _ in SAMPLES} >= set(function_words())


@pytest.mark.parametrize("text", [text for language, text in SAMPLES if language in ("en", "es", "pt", "fr")])
def test_capitals_change_nothing(text: str) -> None:
    assert language_of(text.upper()) == language_of(text) == language_of(text.title())


@pytest.mark.parametrize(("language", "text"), AMBIGUOUS)
def test_between_neighbours_the_answer_is_right_or_undetermined(language: str, text: str) -> None:
    assert language_of(text) in {language, UNDETERMINED}


@pytest.mark.parametrize("text", UNLISTED)
def test_an_unlisted_language_is_neither_english_nor_spanish(text: str) -> None:
    assert language_of(text) not in {"en", "es", "pt"}


@pytest.mark.parametrize("text", UNCLEAR)
def test_a_text_that_speaks_for_no_language_is_undetermined(text: str) -> None:
    assert language_of(text) == UNDETERMINED


def test_a_chinese_text_with_an_english_quotation_is_chinese() -> None:
    quotation = "the man said that it was all he had to say about this, and that they would not come back again"
    assert language_of("市长周二表示，在工程师检查完所有缆绳之前，这座桥将一直关闭。" * 8 + quotation) == "zh"


def test_an_english_text_that_quotes_russian_is_english() -> None:
    assert (
        language_of("The word that he used for it was правда, which is what they all say when they are lying.") == "en"
    )


def test_emoji_do_not_hide_the_language() -> None:
    assert language_of("I do not know what they did to the library 😀" + "🔥" * 60) == "en"


def test_capitals_of_other_scripts_tell_the_language_too() -> None:
    assert language_of("УСІ ЗНАЮТЬ, ЩО ЇЇ ДІТИ ПОЇХАЛИ ДО КИЄВА") == "uk"


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_many_texts_at_once_are_judged_as_each_alone(texts: list[str]) -> None:
    assert languages_of(texts, *counted(texts)) == [language_of(text) for text in texts]


@given(TEXTS)
def test_the_answer_is_a_listed_language_one_of_a_script_or_undetermined(text: str) -> None:
    by_script = {"ar", "fa", "ur", "ru", "uk", "be", "bg", "sr", "mk", "kk", "el", "he", "hi", "mr", "zh", "ja", "ko"}
    language = language_of(text)
    assert language in {UNDETERMINED, *function_words(), *by_script} or dominant_script(text) not in {"Latn", "Zyyy"}


ROWS = st.lists(st.integers(0, 60), min_size=len(function_words()), max_size=len(function_words()))


def judged(row: list[int], total: int) -> str:
    return judge_languages(np.array([row]), np.array([total]))[0]


@given(st.lists(st.tuples(ROWS, st.integers(0, 200))))
def test_counts_of_many_texts_are_judged_as_those_of_each(rows: list[tuple[list[int], int]]) -> None:
    counts = np.array([row for row, _ in rows], dtype=np.int64).reshape(len(rows), len(function_words()))
    together = judge_languages(counts, np.array([total for _, total in rows], dtype=np.int64))
    assert together == [judge_language("no other script", list(row), total) for row, total in rows]


@given(ROWS, st.integers(0, 200), st.integers(1, 200))
def test_words_of_no_language_never_make_a_language_clearer(row: list[int], total: int, more: int) -> None:
    assert judged(row, total + more) in {judged(row, total), UNDETERMINED}


@given(ROWS, st.integers(0, 200), st.integers(2, 9))
def test_a_clear_text_repeated_is_as_clear(row: list[int], total: int, times: int) -> None:
    if judged(row, total) != UNDETERMINED:
        assert judged([times * count for count in row], times * total) == judged(row, total)


@pytest.mark.parametrize(
    ("english", "spanish", "total", "language"),
    [
        (3, 0, 3, "en"),
        (0, 3, 3, "es"),
        (2, 0, 2, UNDETERMINED),  # too few
        (30, 30, 90, UNDETERMINED),  # a tie
        (0, 0, 0, UNDETERMINED),
        (45, 9, 100, "en"),
        (10, 9, 100, UNDETERMINED),  # hardly a lead
        (10, 0, 100, "en"),
        (10, 0, 101, UNDETERMINED),  # less than a tenth of the words
    ],
)
def test_what_is_enough_to_tell(english: int, spanish: int, total: int, language: str) -> None:
    row = [0] * len(function_words())
    table = language_table()
    row[table.languages.index("en")], row[table.languages.index("es")] = english, spanish
    assert judged(row, total) == language


def test_no_text_has_no_language() -> None:
    assert judge_languages(np.zeros((0, len(function_words())), dtype=np.int64), np.zeros(0, dtype=np.int64)) == []


@given(st.lists(st.one_of(st.sampled_from(["the", "que", "de", "ñu"]), st.text(max_size=8))))
def test_the_table_says_of_which_languages_a_word_is(asked: list[str]) -> None:
    table = language_table()
    expected = [[word in function_words()[language] for language in table.languages] for word in asked]
    bits = table.bits_of(asked)
    assert bits.dtype == np.uint8
    assert bits.shape == (len(asked), len(table.languages))
    assert bits.tolist() == expected


@pytest.mark.parametrize("language", function_words())
def test_the_listed_words_are_words_as_texts_are_cut(language: str) -> None:
    listed = function_words()[language]
    assert 60 <= len(listed) <= 250
    assert [word for word in listed if words(word) != [word]] == []


# --- scripts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", "Zyyy"),
        ("12:30 – 50 % 😀", "Zyyy"),
        ("\ud800\udfff", "Zyyy"),
        ("Ærøskøbing", "Latn"),
        ("Việt Nam", "Latn"),
        ("市长", "Hani"),
        ("市長がケーブル", "Jpan"),
        ("ケーブル", "Jpan"),
        ("시장은", "Hang"),
        ("Путин says нет войне", "Cyrl"),
        ("😀" * 400 + "мир", "Cyrl"),
    ],
)
def test_the_script_of_most_letters(text: str, script: str) -> None:
    assert dominant_script(text) == script


def test_the_script_is_that_of_the_whole_text_not_of_its_beginning() -> None:
    assert dominant_script("By our correspondent " * 50 + "Мэр сказал это во вторник " * 100) == "Cyrl"


def test_next_to_every_letter_of_unicode_has_its_script() -> None:
    scripts = {"LATIN": "Latn", "GREEK": "Grek", "CYRILLIC": "Cyrl", "HEBREW": "Hebr", "ARABIC": "Arab", "THAI": "Thai"}
    scripts |= {"DEVANAGARI": "Deva", "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "HANGUL": "Hang", "CJK": "Hani"}
    letters = filter(str.isalpha, map(chr, range(0x20000)))
    named = [(letter, unicodedata.name(letter, "").replace("-", " ").split(" ")[0]) for letter in letters]
    agrees = [dominant_script(letter) == scripts[name] for letter, name in named if name in scripts]
    assert sum(agrees) / len(agrees) > 0.98


# --- the labelled corpora ----------------------------------------------------------------------

CORPORA = {
    "en": (
        "isot_partial_fulltext",
        "fakenewsnet_gossipcop",
        "fakenewsnet_politifact",
        "cs216_outlets2017",
        "buzzfeed_webis2016",
        "fakenewsamt",
    ),
    "es": ("spanish_fakenews_corpus",),
    "pt": ("fake_br",),
}


def answers(corpora: Path, name: str, least: int, most: int) -> list[str]:
    """The languages of the texts of a corpus with so many words; of every fourth one where there are many."""
    rows = pq.read_table(corpora / f"{name}.parquet", columns=["title", "text"]).to_pylist()
    texts = [f"{row['title'] or ''}\n{row['text'] or ''}" for row in rows[:: 1 + 3 * (len(rows) > 5000)]]
    return [language_of(text) for text in texts if least <= len(words(text)) <= most]


@pytest.mark.corpora
@pytest.mark.parametrize("language", CORPORA)
def test_articles_are_recognised(corpora: Path, language: str) -> None:
    found = Counter(answer for name in CORPORA[language] for answer in answers(corpora, name, 50, 10**9))
    assert found[language] / found.total() >= 0.995


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["liar2", "coaid", "covid19_fnir"])
def test_short_english_texts_are_never_taken_for_another_language(corpora: Path, name: str) -> None:
    found = Counter(answers(corpora, name, 8, 49))
    assert (found["en"] + found[UNDETERMINED]) / found.total() >= 0.999
    assert found["en"] > found[UNDETERMINED]
