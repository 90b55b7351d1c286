"""What the dashboard's pages say, in English and in French. Markdown; values come in already escaped."""

TEXTS: dict[str, tuple[str, str]] = {
    # the frame
    "page fleet": ("Fleet", "Parc"),
    "page board": ("Board", "Carte"),
    "page episodes": ("Episodes", "Épisodes"),
    "page model": ("Models", "Modèles"),
    "page usage": ("Usage", "Quotas"),
    "page system": ("System", "Système"),
    "page login": ("Log in", "Se connecter"),
    "page logout": ("Log out", "Se déconnecter"),
    "asking": ("Asking the database…", "Interrogation de la base de données…"),
    "updated": ("Updated {when}", "Mis à jour à {when}"),
    "updated every": (", every {period}", ", puis toutes les {period}"),
    "yesterday": ("yesterday", "hier"),
    "ago": ("{age} ago", "il y a {age}"),
    "each period": (", every {period}", ", toutes les {period}"),
    "since when": ("since {when}", "depuis {when}"),
    "known then": ("Below is what was known then.", "Ci-dessous, ce qui était connu alors."),
    "slow answer": (
        "The database took {took} s to answer. A shorter range is answered sooner.",
        "La base de données a mis {took} s à répondre. Pour une plage plus courte, elle répond plus vite.",
    ),
    "tried": (
        "Tried at {when}. This page tries again by itself.",
        "Essayé à {when}. Cette page réessaie d'elle-même.",
    ),
    "lost title": ("The database does not answer", "La base de données ne répond pas"),
    "lost what": (
        "Nothing answers at the address in `MONGODB_URI`.",
        "Rien ne répond à l'adresse indiquée dans `MONGODB_URI`.",
    ),
    "lost cures": (
        "1. Is it running? `make demo` starts one; Atlas pauses a free cluster after long idleness.\n"
        "1. Is this machine allowed in? In Atlas: Network Access, add its address.\n"
        "1. Is the address right? `python -m cloud doctor` looks at settings and database.",
        "1. Est-elle en marche{nbsp}? `make demo` en démarre une{nbsp}; Atlas met en pause un cluster "
        "gratuit resté longtemps inactif.\n"
        "1. Cette machine est-elle autorisée{nbsp}? Dans Atlas{nbsp}: Network Access, ajoutez son adresse.\n"
        "1. L'adresse est-elle correcte{nbsp}? `python -m cloud doctor` vérifie réglages et base.",
    ),
    "slow title": ("The database takes too long", "La base de données est trop lente"),
    "slow what": (
        "It is there, but gave no answer within 5 seconds.",
        "Elle est là, mais n'a pas répondu en 5 secondes.",
    ),
    "slow cures": (
        "1. Wait a little: a free Atlas cluster slows down when it is asked more than 100 times a second.\n"
        "1. Choose a shorter range, and close views that nobody looks at.\n"
        "1. If it stays so: look at the cluster's Metrics page, or give it a bigger machine.",
        "1. Patientez un peu{nbsp}: un cluster Atlas gratuit ralentit au-delà de 100 requêtes par seconde.\n"
        "1. Choisissez une plage plus courte, fermez les vues que personne ne regarde.\n"
        "1. Si cela dure{nbsp}: voyez la page Metrics du cluster, ou prenez une machine plus grande.",
    ),
    "refused title": ("The database refuses to answer", "La base de données refuse de répondre"),
    "refused what": (
        "It is there, but does not let the dashboard read.",
        "Elle est là, mais ne permet pas au tableau de bord de la lire.",
    ),
    "refused cures": (
        "1. Are user and password in `MONGODB_URI` right?\n"
        "1. May that user read the database `MONGODB_DATABASE`? docs/security.md has its rights.\n"
        "1. Which right is missing? `python -m cloud doctor --dashboard` tries each.",
        "1. L'utilisateur et le mot de passe dans `MONGODB_URI` sont-ils corrects{nbsp}?\n"
        "1. Cet utilisateur peut-il lire la base `MONGODB_DATABASE`{nbsp}? Ses droits sont dans "
        "docs/security.md.\n"
        "1. Quel droit manque{nbsp}? `python -m cloud doctor --dashboard` les essaie tous.",
    ),
    "unreadable": (
        "This part cannot be shown: what is stored for it is damaged or comes from another version of Vigie. "
        "The log of the dashboard names the place.",
        "Cette partie ne peut pas être affichée{nbsp}: les données enregistrées sont abîmées ou viennent "
        "d'une autre version de Vigie. Le journal du tableau de bord indique l'endroit.",
    ),
    "misconfigured title": (
        "The dashboard does not know its database",
        "Le tableau de bord ne connaît pas sa base de données",
    ),
    "misconfigured what": (
        "Something is wrong with {names}. The program's log says what it is; this page does not, because it "
        "may hold a secret.",
        "Quelque chose ne va pas avec {names}. Le détail est dans le journal du programme, pas ici{nbsp}: "
        "il peut contenir un secret.",
    ),
    "misconfigured section": (
        "In the secrets, {names} is below {section}, where it has no effect: move it above the first "
        "section.",
        "Dans les secrets, {names} se trouve sous {section}, où cela ne compte pas{nbsp}: placez-le avant la "
        "première section.",
    ),
    "misconfigured cures": (
        "1. On your machine: put it into `.env`; `.env.example` shows how.\n"
        "1. On Streamlit Community Cloud: the app's menu, Settings, Secrets.\n"
        "1. Then start the dashboard again.",
        "1. Sur votre machine{nbsp}: mettez-le dans `.env`{nbsp}; `.env.example` montre comment.\n"
        "1. Sur Streamlit Community Cloud{nbsp}: menu de l'application, Settings, Secrets.\n"
        "1. Puis redémarrez le tableau de bord.",
    ),
    "the settings": ("the settings", "les réglages"),
    "empty title": ("Waiting for the first board", "En attente de la première carte"),
    "empty cures": (
        "The database is there, and it is empty. Readings appear here by themselves as soon as a board "
        "reports.\n\n"
        "1. **Try it without a board:** `make demo` starts three virtual ones.\n"
        "1. **With a board:** `make flash`, then `make provision`; its console shows `link  connected`.\n"
        "1. **It is connected, and still nothing here?** The backend must run, `python -m cloud run`, with "
        "the same `MONGODB_URI` and `MONGODB_DATABASE` as this page.",
        "La base de données est là, et elle est vide. Les mesures apparaissent d'elles-mêmes dès qu'une "
        "carte en envoie.\n"
        "\n"
        "1. **Essayer sans carte{nbsp}:** `make demo` en démarre trois virtuelles.\n"
        "1. **Avec une carte{nbsp}:** `make flash`, puis `make provision`{nbsp}; sa console affiche `link  "
        "connected`.\n"
        "1. **Elle est connectée, et toujours rien{nbsp}?** Le backend doit tourner, `python -m cloud run`, "
        "avec les mêmes `MONGODB_URI` et `MONGODB_DATABASE` que cette page.",
    ),
    "empty looked": (
        "Last check: {when}. This page checks again by itself.",
        "Dernière vérification{nbsp}: {when}. Cette page revérifie d'elle-même.",
    ),
    # boards
    "need severe": ("Severe", "Grave"),
    "need warning": ("Warning", "Attention"),
    "need silent": ("Silent", "Silencieuse"),
    "need offline": ("Offline", "Hors ligne"),
    "need no_reading": ("Sensor fails", "Capteur en panne"),
    "need unusual": ("Unusual reading", "Mesure inhabituelle"),
    "need settling": ("Settling", "Retour au calme"),
    "need warming_up": ("Warming up", "Démarrage"),
    "need fine": ("Fine", "Tout va bien"),
    "fleet fine": ("The board is fine", "La carte va bien"),
    "fleet all fine": ("All {count} boards are fine", "Les {count} cartes vont bien"),
    "fleet one": ("{device} needs a look", "{device} est à vérifier"),
    "fleet some": ("{count} of {boards} need a look", "{count} sur {boards} à vérifier"),
    "card offline": (
        "The broker lost it {age} ago: check its power and its Wi-Fi.",
        "Le broker l'a perdue il y a {age}{nbsp}: vérifiez son alimentation et son Wi-Fi.",
    ),
    "card silent": (
        "Nothing has come for {age}: check its power, its Wi-Fi and the broker.",
        "Rien depuis {age}{nbsp}: vérifiez son alimentation, son Wi-Fi et le broker.",
    ),
    "card no reading": (
        "The last read failed ({why}): check the sensor's wires.",
        "La dernière lecture a échoué ({why}){nbsp}: vérifiez les fils du capteur.",
    ),
    "card unusual": (
        "Last reading: {what}. Not an episode yet.",
        "Dernière mesure{nbsp}: {what}. Pas encore un épisode.",
    ),
    "card settling": (
        "Normal again; its detectors still remember the last episode.",
        "Redevenu normal{nbsp}; ses détecteurs gardent encore le dernier épisode en mémoire.",
    ),
    "card warming up": (
        "It takes its first readings; it begins to judge after the 60th.",
        "Elle prend ses premières mesures{nbsp}; elle juge à partir de la soixantième.",
    ),
    "card fine": ("Nothing abnormal.", "Rien d'anormal."),
    "card no curve": (
        "Its last hour could not be read in time.",
        "Sa dernière heure n'a pas pu être lue à temps.",
    ),
    "chart of card": (
        "Temperature of {device} over the last hour",
        "Température de {device} pendant la dernière heure",
    ),
    "chart of sites": ("Where the sites are", "Où sont les sites"),
    "backend never": (
        "**The backend was never seen.** Boards keep their readings, but nothing is stored and no mail is "
        "sent. Start it: `python -m cloud run`.",
        "**Le backend n'a jamais été vu.** Les cartes gardent leurs mesures, mais rien n'est enregistré et "
        "aucun e-mail ne part. Démarrez-le{nbsp}: `python -m cloud run`.",
    ),
    "backend silent": (
        "**The backend has not been seen for {length}.** Boards keep their readings meanwhile, but nothing "
        "is stored and no mail is sent. Start it: `python -m cloud run`.",
        "**Le backend n'a pas été vu depuis {length}.** Les cartes gardent leurs mesures, mais rien n'est "
        "enregistré et aucun e-mail ne part. Démarrez-le{nbsp}: `python -m cloud run`.",
    ),
    "at site": ("site {site}", "site {site}"),
    "with model": ("model {model}", "modèle {model}"),
    "without model": (
        "no model yet: Z-score and rules judge",
        "pas encore de modèle{nbsp}: le Z-score et les règles jugent",
    ),
    "with version": ("version {what}", "version {what}"),
    "not authenticated": ("Not authenticated", "Non authentifiée"),
    "not authenticated why": (
        "This board speaks version 1 of the contract, so its readings cannot be told from what somebody "
        "with its broker password sends. Update its software with make deploy.",
        "Cette carte parle la version 1 du contrat{nbsp}: ses mesures ne se distinguent pas de ce qu'envoie "
        "quelqu'un qui a son mot de passe du broker. Mettez son logiciel à jour avec make deploy.",
    ),
    "is learning": ("learning: {what}", "apprentissage{nbsp}: {what}"),
    "had error": ("last error: {what}", "dernière erreur{nbsp}: {what}"),
    # one board
    "range": ("Range", "Plage"),
    "range 1h": ("1 h", "1 h"),
    "range 6h": ("6 h", "6 h"),
    "range 24h": ("24 h", "24 h"),
    "range 7d": ("7 d", "7 j"),
    "range 30d": ("30 d", "30 j"),
    "range 1y": ("1 y", "1 an"),
    "panel zoom": ("Drag across to zoom", "Faites glisser pour zoomer"),
    "range free": ("Other", "Autre"),
    "range from": ("From", "Du"),
    "range to": ("To", "Au"),
    "range show": ("Show", "Afficher"),
    "zoom out": ("Zoom out", "Élargir"),
    "back to now": ("Back to now", "Revenir au présent"),
    "no such range": (
        "There is no range {asked}. The address can name one of {ranges}.",
        "Il n'y a pas de plage {asked}. L'adresse peut en nommer une{nbsp}: {ranges}.",
    ),
    "no such board": (
        "There is no board {asked}; this is {shown}.",
        "Il n'y a pas de carte {asked}{nbsp}; voici {shown}.",
    ),
    "range empty": (
        "**No reading is stored in this range.** Choose a longer one, or see above when the board was last "
        "heard of.",
        "**Aucune mesure n'est enregistrée dans cette plage.** Choisissez-en une plus longue, ou voyez plus "
        "haut quand la carte a donné signe de vie pour la dernière fois.",
    ),
    "range empty fixed": (
        "**No reading is stored in this range.** Go back to now.",
        "**Aucune mesure n'est enregistrée dans cette plage.** Revenez au présent.",
    ),
    "chart of board": (
        "Temperature, humidity and score of {device}, and who called them abnormal",
        "Température, humidité et score de {device}, et qui les a jugés anormaux",
    ),
    "legend board": ("Board says abnormal", "Anormal selon la carte"),
    "legend cloud": ("Cloud says abnormal", "Anormal selon le cloud"),
    "legend settling": ("Settling: normal again", "Retour au calme{nbsp}: de nouveau normal"),
    "settling": (
        "normal again; the detectors still remember the fault ({saw})",
        "redevenu normal{nbsp}; les détecteurs gardent encore la panne en mémoire ({saw})",
    ),
    "legend episode": ("Episode", "Épisode"),
    "legend normal": ("Normal for this board", "Normal pour cette carte"),
    "legend gap": ("No readings stored", "Pas de mesures enregistrées"),
    "legend limits": ("Your limits", "Vos limites"),
    "panel t": ("Temperature, °C", "Température, °C"),
    "panel h": ("Humidity, %RH", "Humidité, % HR"),
    "panel score": (
        "Scores of board and cloud, 0 to 1: the higher, the more unusual",
        "Scores, carte et cloud, de 0 à 1{nbsp}: plus haut, plus inhabituel",
    ),
    "panel share": (
        "Abnormal readings of board and cloud, %",
        "Mesures anormales selon la carte et le cloud, %",
    ),
    "panel lanes": ("Who says abnormal, and why", "Qui dit anormal, et pourquoi"),
    "panel lanes how": ("Board above, cloud below", "Carte en haut, cloud en bas"),
    "who board": ("Board", "Carte"),
    "who cloud": ("Cloud", "Cloud"),
    "who failed": ("Failed reads", "Lectures ratées"),
    "gap silence": ("Nothing is stored for {length}", "Rien n'est enregistré pendant {length}"),
    "gap missing": ("{readings} not stored, {length}", "{readings} non enregistrées, {length}"),
    "gap restart": (
        "The board was off or restarting for {length}",
        "La carte était éteinte ou redémarrait pendant {length}",
    ),
    "gap pause": ("No reading was taken for {length}", "Aucune mesure pendant {length}"),
    "counted board": ("board says abnormal: {count}", "anormales selon la carte{nbsp}: {count}"),
    "counted cloud": ("cloud says abnormal: {count}", "selon le cloud{nbsp}: {count}"),
    "counted settling": ("settling: {count}", "retour au calme{nbsp}: {count}"),
    "counted failed": ("failed reads: {count}", "lectures ratées{nbsp}: {count}"),
    "remark missing": (
        "{readings} of this range are not stored yet. A board sends again what was not confirmed, so a gap "
        "may still close.",
        "{readings} de cette plage ne sont pas encore enregistrées. Une carte renvoie ce qui n'a pas été "
        "confirmé{nbsp}: le trou peut encore se combler.",
    ),
    "remark undated": (
        "{readings} without a date, because the board did not know the time; the chart shows them dotted "
        "between their neighbours.",
        "{readings} sans date, car la carte ne connaissait pas l'heure{nbsp}; le graphique les montre en "
        "pointillé entre leurs voisines.",
    ),
    "remark said": (
        "{readings} without a date: the board gave an impossible one, most recently {date}, so a clock is "
        "wrong. The chart shows them dotted between their neighbours.",
        "{readings} sans date{nbsp}: la carte en a donné une impossible, la dernière fois {date}, donc une "
        "horloge est fausse. Le graphique les montre en pointillé entre leurs voisines.",
    ),
    "remark thinned": (
        "The chart shows the lowest and the highest value of every {length}, so no spike is lost. A shorter "
        "range shows every reading.",
        "Le graphique montre le minimum et le maximum de chaque tranche de {length}{nbsp}: aucun pic ne se "
        "perd. Une plage plus courte montre chaque mesure.",
    ),
    "remark summed": (
        "The chart shows mean, minimum and maximum over stretches of about {length}. A shorter range shows "
        "every reading.",
        "Le graphique montre moyenne, minimum et maximum par tranche d'environ {length}. Une plage plus "
        "courte montre chaque mesure.",
    ),
    "normal by history": (
        "Green: {spans}, where 98 % of its calm readings of the last {length} lie.",
        "En vert{nbsp}: {spans}, où se trouvent 98 % de ses mesures calmes sur {length}.",
    ),
    "normal by model": (
        "Green: {spans}, the range that its model learned.",
        "En vert{nbsp}: {spans}, la plage apprise par son modèle.",
    ),
    "limits": ("Dashed: your limits, {limits}", "En tirets{nbsp}: vos limites, {limits}"),
    "limits at least": ("at least {value}", "au moins {value}"),
    "limits at most": ("at most {value}", "au plus {value}"),
    "limits after": (
        "; the board says so after {length} beyond them",
        "{nbsp}; la carte le dit après {length} au-delà",
    ),
    "limits severe": (
        "; severe after {length} beyond {limits}",
        "{nbsp}; grave après {length} au-delà de {limits}",
    ),
    "limits far": ("Too far away to be drawn: {values}.", "Trop loin pour être tracé{nbsp}: {values}."),
    "download csv": ("CSV", "CSV"),
    "download parquet": ("Parquet", "Parquet"),
    "download too much": (
        "More than {most} readings: download them with `python -m cloud export`, or choose a shorter range.",
        "Plus de {most} mesures{nbsp}: exportez-les avec `python -m cloud export`, ou choisissez une plage "
        "plus courte.",
    ),
    "episodes here": ("Episodes in this range", "Épisodes dans cette plage"),
    # episodes
    "show": ("Show", "Montrer"),
    "show all": ("All", "Tous"),
    "show going on": ("Going on", "En cours"),
    "show not seen": ("Not seen", "Pas vus"),
    "show not labelled": ("No answer yet", "Sans réponse"),
    "show severe": ("Severe", "Graves"),
    "all boards": ("All boards", "Toutes les cartes"),
    "episodes going on": ("{episodes} going on", "{episodes} en cours"),
    "episodes none": ("No episode going on", "Aucun épisode en cours"),
    "episodes empty": (
        "**None here.** An episode begins when readings stay abnormal, and ends when they no longer are.",
        "**Aucun ici.** Un épisode commence quand les mesures restent anormales, et finit quand elles ne le "
        "sont plus.",
    ),
    "episodes none like this": ("**None like this.**", "**Aucun de ce genre.**"),
    "episodes older": (
        "Older ones are not listed: these are the newest {count}.",
        "Les plus anciens ne sont pas listés{nbsp}: voici les {count} plus récents.",
    ),
    "going on for": ("going on for {length}", "en cours depuis {length}"),
    "over after": ("over after {length}", "terminé après {length}"),
    "silence offline": ("The broker lost the connection to it.", "Le broker a perdu la connexion avec elle."),
    "silence overslept": (
        "It did not wake up when it was due.",
        "Elle ne s'est pas réveillée à l'heure dite.",
    ),
    "silence silent": ("Nothing has been heard of it.", "Plus de nouvelles d'elle."),
    "two boards": (
        "Two boards claim to be this one: switch one of them off.",
        "Deux cartes disent être celle-ci{nbsp}: éteignez l'une d'elles.",
    ),
    "floods": (
        "It sends far more than its share: the surplus is held back.",
        "Elle envoie bien plus que sa part{nbsp}: le surplus est retenu.",
    ),
    "only board": ("Only the board says so.", "Seule la carte le dit."),
    "only board can": ("Only the board has a detector for this.", "Seule la carte a un détecteur pour cela."),
    "only cloud": ("Only the cloud says so.", "Seul le cloud le dit."),
    "both agree": ("Board and cloud agree.", "Carte et cloud sont d'accord."),
    "both agree partly": (
        "Board and cloud agree on {agreed} of {readings}.",
        "Carte et cloud sont d'accord sur {agreed} de {readings}.",
    ),
    "unknown detector": ("unknown detector (bit {bits})", "détecteur inconnu (bit {bits})"),
    "read failed": ("failed read: {why}", "lecture ratée{nbsp}: {why}"),
    "seen at": ("seen {when}", "vu {when}"),
    "label real": ("real", "réel"),
    "label false": ("false alarm", "fausse alerte"),
    "mail none": ("no mail", "pas d'e-mail"),
    "mail pending": ("mail waits", "e-mail en attente"),
    "mail sending": ("mail on its way", "e-mail en cours d'envoi"),
    "mail sent": ("mail sent", "e-mail envoyé"),
    "mail failed": ("mail not delivered", "e-mail non remis"),
    "mail unknown": ("mail perhaps sent", "e-mail peut-être envoyé"),
    "why": ("Why?", "Pourquoi{nbsp}?"),
    "why not now": (
        "The database does not answer just now.",
        "La base de données ne répond pas en ce moment.",
    ),
    "why gone": (
        "Its first abnormal reading is no longer stored, only what the episode itself says.",
        "Sa première mesure anormale n'est plus enregistrée{nbsp}; il ne reste que ce que l'épisode en dit.",
    ),
    "why failed": (
        "It began with a failed read: {why}.",
        "Il a commencé par une lecture ratée{nbsp}: {why}.",
    ),
    "why frozen": (
        "The value has not moved at all for {length}.",
        "La valeur n'a pas bougé du tout depuis {length}.",
    ),
    "why long": (
        "The value, now {value}, has been away from normal for longer than ever before at this place.",
        "La valeur, {value} à présent, s'écarte de la normale depuis plus longtemps que jamais ici.",
    ),
    "why no past": (
        "Unusual for this board ({saw}); there is nothing before it to compare it with.",
        "Inhabituel pour cette carte ({saw}){nbsp}; rien avant ne permet de comparer.",
    ),
    "why restless": (
        "The value jumps about: steps {times} times as large as in the {past}.",
        "La valeur saute{nbsp}: des pas {times} fois plus grands que dans les {past}.",
    ),
    "why together": (
        "No value stands out alone, but together they do ({saw}), compared with the {past}.",
        "Aucune valeur ne ressort seule, mais ensemble oui ({saw}), par rapport aux {past}.",
    ),
    "why than": ("{what} than in the {past}.", "{what} que dans les {past}."),
    "why and": (" and ", " et "),
    "why more t": ("{value} warmer", "{value} de plus"),
    "why less t": ("{value} colder", "{value} de moins"),
    "why more h": ("{value} more humid", "{value} plus humide"),
    "why less h": ("{value} drier", "{value} plus sec"),
    "why time before": ("{length} before", "{length} d'avant"),
    "why readings before": ("{count} readings before", "{count} mesures d'avant"),
    "why details": ("Details", "Détails"),
    "why first": ("It began with {values}.", "Il a commencé par {values}."),
    "why range": ("trained range {spans}", "plage apprise {spans}"),
    "why zscore": (
        "{t} deviations in temperature, {h} in humidity; the limit is {limit}",
        "{t} écarts-types en température, {h} en humidité{nbsp}; la limite est {limit}",
    ),
    "why forest": (
        "sum of path lengths {value}; below {limit} is abnormal",
        "somme des longueurs de chemin {value}{nbsp}; anormal sous {limit}",
    ),
    "why window": (
        "The {count} readings before: {t} ± {t_spread}, {h} ± {h_spread}.",
        "Les {count} mesures d'avant{nbsp}: {t} ± {t_spread}, {h} ± {h_spread}.",
    ),
    "abnormal": ("abnormal", "anormal"),
    "normal": ("normal", "normal"),
    # columns of tables and tooltips
    "column board": ("Board", "Carte"),
    "column boards": ("Boards", "Cartes"),
    "column site": ("Site", "Site"),
    "column state": ("State", "État"),
    "column time": ("Time", "Heure"),
    "column from": ("From", "De"),
    "column to": ("To", "À"),
    "column who": ("Who", "Qui"),
    "column what": ("What", "Quoi"),
    "column because": ("Because", "Motif"),
    "column score": ("Cloud score", "Score du cloud"),
    "column episode": ("Episode", "Épisode"),
    "column gap": ("Gap", "Trou"),
    "column detector": ("Detector", "Détecteur"),
    "column difference": ("Board minus cloud", "Carte moins cloud"),
    "column firmware": ("Version", "Version"),
    "column on the board": ("On the board", "Sur la carte"),
    "column newest": ("Newest", "Le plus récent"),
    "column trained": ("Trained", "Entraîné"),
    "column feature": ("Feature", "Grandeur"),
    "column trained mean": ("In training", "À l'apprentissage"),
    "column last day": ("Last day", "Dernier jour"),
    "column moved": ("Moved, deviations", "Écart, en écarts-types"),
    "column moved bar": ("0 to 5", "0 à 5"),
    "column lag": ("Delay", "Retard"),
    "column heard": ("Last heard", "Dernières nouvelles"),
    "column dropped": ("Dropped, flash full", "Perdues, flash pleine"),
    "column seq": ("Record", "Numéro"),
    "column reason": ("Reason", "Raison"),
    # models
    "model none trained": ("none trained yet", "pas encore entraîné"),
    "model current": ("the newest", "à jour"),
    "model waits": ("a newer one waits", "un plus récent attend"),
    "model versions how": (
        "A board keeps its model until the next one comes: over the air (`python -m cloud model`) or by "
        "cable (`make model`).",
        "Une carte garde son modèle jusqu'à l'arrivée du suivant{nbsp}: par le réseau (`python -m cloud "
        "model`) ou par câble (`make model`).",
    ),
    "agreement title": ("Do board and cloud agree?", "Carte et cloud sont-ils d'accord{nbsp}?"),
    "agreement none": ("No readings are stored yet.", "Aucune mesure n'est encore enregistrée."),
    "agreement of": ("**{share}** of {readings}", "**{share}** de {readings}"),
    "agreement others": (
        "Readings judged by {count} other models are not counted here.",
        "Les mesures jugées par {count} autres modèles ne sont pas comptées ici.",
    ),
    "twin none": (
        "The cloud has no twin of this model: it compares with its own forest and Z-score only.",
        "Le cloud n'a pas de jumeau de ce modèle{nbsp}: il compare avec sa forêt et son Z-score.",
    ),
    "twin equal": (
        "The twin of the board's model gave the same sum and verdict on all {readings}.",
        "Le jumeau du modèle de la carte a donné la même somme et le même verdict sur {readings}.",
    ),
    "twin differs": (
        "**The twin of the board's model differs on {count} of {readings}.** There must be none: is the "
        "board's model damaged? `make model` writes it again.",
        "**Le jumeau du modèle de la carte diffère sur {count} de {readings}.** Il ne doit y en avoir "
        "aucun{nbsp}: le modèle de la carte est-il abîmé{nbsp}? `make model` le réécrit.",
    ),
    "scores title": ("Board's score minus the cloud's", "Score de la carte moins celui du cloud"),
    "scores none": (
        "Scores cannot be compared yet: the board has no forest, or its model is not stored here.",
        "Les scores ne se comparent pas encore{nbsp}: la carte n'a pas de forêt, ou son modèle n'est pas "
        "enregistré ici.",
    ),
    "scores how": (
        "Mean {mean}, from {least} to {greatest}. The cloud's forest is larger, so the two scores are close "
        "but not equal.",
        "Moyenne {mean}, de {least} à {greatest}. La forêt du cloud est plus grande{nbsp}: les deux scores "
        "sont proches, mais pas égaux.",
    ),
    "drift title": (
        "Have its readings changed since the training?",
        "Ses mesures ont-elles changé depuis l'apprentissage{nbsp}?",
    ),
    "drift none": (
        "It has no model, or its model does not say what it was trained on. Train it again.",
        "Elle n'a pas de modèle, ou son modèle ne dit pas sur quoi il a été entraîné. Refaites un "
        "apprentissage.",
    ),
    "drift no readings": (
        "Its last day has too few readings to compare.",
        "Son dernier jour a trop peu de mesures pour comparer.",
    ),
    "drift no": (
        "No. The last day lies within two deviations of what it learned.",
        "Non. Le dernier jour reste à moins de deux écarts-types de ce qu'il a appris.",
    ),
    "drift some": (
        "Yes: **{names}**. If that is the new normal, train it again: `python -m cloud train`.",
        "Oui{nbsp}: **{names}**. Si c'est la nouvelle normale, refaites un apprentissage{nbsp}: `python -m "
        "cloud train`.",
    ),
    "feature t": ("temperature, °C", "température, °C"),
    "feature h": ("humidity, %RH", "humidité, % HR"),
    "feature dt": ("change of temperature", "variation de température"),
    "feature dh": ("change of humidity", "variation d'humidité"),
    "feature t-mean60": ("temperature minus its mean", "température moins sa moyenne"),
    "feature h-mean60": ("humidity minus its mean", "humidité moins sa moyenne"),
    "feature std60_t": ("restlessness of temperature", "agitation de la température"),
    "feature std60_h": ("restlessness of humidity", "agitation de l'humidité"),
    "calibration title": ("What it learned", "Ce qu'il a appris"),
    "calibration none": (
        "**No model yet.** The board is learning: {learning}. After a day of readings the backend trains its "
        "first model and sends it over the air.",
        "**Pas encore de modèle.** La carte apprend{nbsp}: {learning}. Après un jour de mesures, le backend "
        "entraîne son premier modèle et le lui envoie par le réseau.",
    ),
    "calibration picture": (
        "The readings that it learned from: dashes show its range, dots show where it would have alarmed",
        "Les mesures sur lesquelles il a été entraîné{nbsp}: les tirets montrent sa plage, les points où il "
        "aurait alerté",
    ),
    "learned what": ("What", "Quoi"),
    "learned how": ("What it learned", "Ce qu'il a appris"),
    "learned model": ("Model", "Modèle"),
    "learned from": ("Learned from", "Entraîné sur"),
    "learned readings": (
        "{readings}, {days} days, one each {period} s",
        "{readings}, {days} jours, une toutes les {period} s",
    ),
    "learned unfit": ("Unfit, left out", "Inutilisables, écartées"),
    "learned never": ("does not watch yet", "ne surveille pas encore"),
    "learned stuck": (
        "the same temperature {t} times, humidity {h} times, both {both} times",
        "la même température {t} fois, humidité {h} fois, les deux {both} fois",
    ),
    "learned forest": ("a sum of path lengths below {sum}", "une somme des longueurs de chemin sous {sum}"),
    "learned excursion": ("longer than {times}", "plus longtemps que {times}"),
    "learned stay": ("{minutes} min above {level}", "{minutes} min au-dessus de {level}"),
    "learned limits quiet": (
        "would not have alarmed in these days",
        "n'auraient pas alerté pendant ces jours",
    ),
    "learned limits wider": (
        "would have alarmed {alarms} times in these days: set wider ones",
        "auraient alerté {alarms} fois pendant ces jours{nbsp}: élargissez-les",
    ),
    "learned limits longer": (
        "would have alarmed {alarms} times in these days: with a delay of {minutes} minutes, never",
        "auraient alerté {alarms} fois pendant ces jours{nbsp}: avec un délai de {minutes} minutes, jamais",
    ),
    "learned restless": (
        "; jumps are frequent in the half hour from {times} UTC and count 1/{part} there",
        "{nbsp}; les sauts sont fréquents dans la demi-heure de {times} UTC et y comptent pour 1/{part}",
    ),
    "learned limits severe": ("; their severe stage {stage}", "{nbsp}; au second seuil, elles {stage}"),
    "learned rhythm": (
        "outside the band of this half hour for half an hour: {channels}",
        "hors de la bande de cette demi-heure pendant une demi-heure{nbsp}: {channels}",
    ),
    "learned no rhythm": (
        "does not watch: the days here do not resemble each other",
        "ne surveille pas{nbsp}: ici, les jours ne se ressemblent pas",
    ),
    "learned no cycles": (
        "does not watch: the temperature of this place does not cycle",
        "ne surveille pas{nbsp}: la température de ce lieu ne suit pas de cycles",
    ),
    "learned false": ("False alarms", "Fausses alertes"),
    "learned alarms": (
        "{alarms} in these {days} days; {budget} a day are allowed",
        "{alarms} pendant ces {days} jours{nbsp}; {budget} par jour sont permises",
    ),
    "learned mails": (
        "{alarms} in these {days} days, {mails} of them mails; {budget} mails a week are allowed",
        "{alarms} pendant ces {days} jours, dont {mails} e-mails{nbsp}; {budget} e-mails par semaine sont "
        "permis",
    ),
    "learned rate mails": ("; {mails} false mails a week", "{nbsp}; {mails} faux e-mails par semaine"),
    "learned held out": ("On the last third", "Sur le dernier tiers"),
    "learned rate": (
        "{alarms} false alarms a day, learned from the rest",
        "{alarms} fausses alertes par jour, d'un modèle entraîné sur le reste",
    ),
    "learned less": (
        "Less than a day: drift, envelope and forest begin to watch after a training on a longer history.",
        "Moins d'un jour{nbsp}: dérive, enveloppe et forêt surveilleront après un apprentissage sur un "
        "historique plus long.",
    ),
    "language": ("Language", "Langue"),
    # usage
    "usage fine": ("There is room everywhere", "Il y a de la place partout"),
    "usage near": ("{limit}: {share} is used", "{limit}{nbsp}: {share} utilisés"),
    "usage full": ("{limit}: nothing is left", "{limit}{nbsp}: il ne reste rien"),
    "usage amount": ("{used} of {most} {unit}, **{share}**", "{used} sur {most} {unit}, **{share}**"),
    "usage measured": ("measured", "mesuré"),
    "usage reckoned": ("estimated from the boards that are online", "estimé d'après les cartes en ligne"),
    "usage how": (
        "Limits and their sources: cloud/plans/plans.toml. `make plan` tells what other fleets need.",
        "Limites et sources{nbsp}: cloud/plans/plans.toml. `make plan` dit ce qu'il faut à d'autres parcs.",
    ),
    "days left": ("full in {days} at this pace", "plein dans {days} à ce rythme"),
    "days of": ("lasts {days} of {whole} at this pace", "tient {days} sur {whole} à ce rythme"),
    "days forever": ("never full at this pace", "jamais plein à ce rythme"),
    "usage beyond": ("Beyond it: {what}", "Au-delà{nbsp}: {what}"),
    "service broker": ("Broker", "Broker"),
    "service database": ("Database", "Base de données"),
    "service mail": ("Mail", "E-mail"),
    "service backend": ("The backend, if it is hosted there", "Le backend, s'il y est hébergé"),
    "service dashboard": ("Host of the dashboard", "Hébergeur du tableau de bord"),
    "limit sessions": ("Connections", "Connexions"),
    "limit traffic_gb": ("Monthly traffic", "Trafic mensuel"),
    "limit storage_gb": ("Storage", "Stockage"),
    "limit operations_a_s": ("Operations a second", "Opérations par seconde"),
    "limit transfer_gb_a_week": ("Weekly transfer", "Transfert hebdomadaire"),
    "limit connections": ("Connections", "Connexions"),
    "limit mails_a_day": ("Mails of today", "E-mails du jour"),
    "limit months": ("Days of the trial", "Jours de l'essai"),
    "limit compute_usd": ("Monthly credit", "Crédit mensuel"),
    "unit sessions": ("boards and backend", "cartes et backend"),
    "unit traffic_gb": ("GB", "Go"),
    "unit storage_gb": ("GB", "Go"),
    "unit storage_mb": ("MB", "Mo"),
    "unit operations_a_s": ("a second", "par seconde"),
    "unit transfer_gb_a_week": ("GB", "Go"),
    "unit connections": ("connections", "connexions"),
    "unit mails_a_day": ("mails", "e-mails"),
    "unit months": ("days", "jours"),
    "unit compute_usd": ("$", "$"),
    # system
    "system fine": ("The system is running", "Le système fonctionne"),
    "system silent": ("The backend is not there", "Le backend est absent"),
    "number backend": ("Backend seen", "Backend vu"),
    "number lag": ("Delay of readings", "Retard des mesures"),
    "number stored": ("Readings stored", "Mesures enregistrées"),
    "number sent": ("Mails sent", "E-mails envoyés"),
    "number quarantined": ("In quarantine", "En quarantaine"),
    "lag title": ("How late do readings arrive?", "Avec quel retard arrivent les mesures{nbsp}?"),
    "lag fine": ("in time", "à l'heure"),
    "lag late": ("late", "en retard"),
    "lag undated": ("undated", "sans date"),
    "lag how": (
        "The time from when a board takes its newest reading to when the backend stores it. A normal reading "
        "may wait a minute on the board to share a message.",
        "Le temps entre la mesure la plus récente d'une carte et son enregistrement. Une mesure normale peut "
        "attendre une minute sur la carte pour partager un message.",
    ),
    "updates title": ("Which board runs what?", "Que fait tourner chaque carte{nbsp}?"),
    "updates none": ("none", "aucun"),
    "updates cable": ("set by cable", "réglés par câble"),
    "updates model": ("model {value}", "modèle {value}"),
    "updates config": ("settings {value}", "réglages {value}"),
    "updates app": ("release {value}", "version {value}"),
    "updates under way": ("{what}: under way", "{what}{nbsp}: en cours"),
    "updates refused": ("{what}: not in use, {why}", "{what}{nbsp}: non utilisé, {why}"),
    "updates once more": (
        "{what}: not in use yet, {why}; the board is asked once more within the hour",
        "{what}{nbsp}: pas encore utilisé, {why}{nbsp}; nouvel essai dans l'heure",
    ),
    "updates done": ("nothing is under way", "rien n'est en cours"),
    "column over the air": ("Over the air", "Par le réseau"),
    "column version": ("Software", "Logiciel"),
    "column model": ("Model", "Modèle"),
    "column settings": ("Settings", "Réglages"),
    "quarantine title": ("What was refused, and why", "Ce qui a été refusé, et pourquoi"),
    "quarantine none": ("Nothing was refused.", "Rien n'a été refusé."),
    "quarantine how": (
        "The newest come first; the collection `quarantine` keeps them. The backend has acknowledged single "
        "readings to their boards, but no whole message.",
        "Les plus récents d'abord{nbsp}; la collection `quarantine` les garde. Le backend a confirmé les "
        "mesures seules à leur carte, mais aucun message entier.",
    ),
    "whole message": ("whole message", "message entier"),
    "undelivered title": ("Mails that did not go out", "E-mails qui ne sont pas partis"),
    "undelivered none": ("All went out.", "Tous sont partis."),
    "not delivered": ("{mails} not delivered", "{mails} non remis"),
    "undelivered pending": ("waits", "attend"),
    "undelivered failed": ("given up", "abandonné"),
    "undelivered unknown": (
        "perhaps sent: Vigie does not send it again, and puts its content into the next mail",
        "peut-être envoyé{nbsp}: il n'est pas renvoyé, et son contenu est dans le prochain",
    ),
    "next try": (", next try in {length}", ", nouvel essai dans {length}"),
    # access
    "login title": ("Log in to answer", "Se connecter pour répondre"),
    "login why": (
        "Everyone who has this address may look. Once you have logged in, you can also say that you have "
        "seen an episode, and what it was.",
        "Toute personne qui a cette adresse peut regarder. Une fois connecté, vous pouvez aussi dire que "
        "vous avez vu un épisode, et ce que c'était.",
    ),
    "login none": (
        "No way to log in is set up here: set `DASHBOARD_PASSWORD_HASH` (`python -m cloud password` makes "
        "it) or Streamlit's section `[auth]`; docs/dashboard.md says how.",
        "Aucune connexion n'est prévue ici{nbsp}: définissez `DASHBOARD_PASSWORD_HASH` (`python -m cloud "
        "password` le fabrique) ou la section `[auth]` de Streamlit{nbsp}; voir docs/dashboard.md.",
    ),
    "login password": ("Password", "Mot de passe"),
    "login provider": ("Log in with your account", "Se connecter avec son compte"),
    "login wrong": ("This is not the password.", "Ce n'est pas le mot de passe."),
    "login wait": (
        "Too many wrong passwords. Wait a minute, then try again.",
        "Trop de mots de passe faux. Attendez une minute, puis réessayez.",
    ),
    "login stranger": (
        "{who} may look but not answer: the address is not in `DASHBOARD_PEOPLE`.",
        "{who} peut regarder mais pas répondre{nbsp}: l'adresse n'est pas dans `DASHBOARD_PEOPLE`.",
    ),
    "login done": ("You are logged in", "Vous êtes connecté"),
    "login as": (
        "As **{who}**, until you log out or close this tab.",
        "En tant que **{who}**, jusqu'à la déconnexion ou la fermeture de cet onglet.",
    ),
    "the keeper": ("the one who knows the password", "détenteur du mot de passe"),
    "login first": ("Log in first.", "Connectez-vous d'abord."),
    "login to write": ("Log in to answer", "Se connecter pour répondre"),
}
