"""What mails and the pages behind their buttons say, in English and in French."""

TEXTS: dict[str, tuple[str, str]] = {
    "severe": ("Severe", "Grave"),
    "warning": ("Warning", "Attention"),
    "late": ("Late", "En retard"),
    "temperature": ("Temperature", "Température"),
    "humidity": ("Humidity", "Humidité"),
    "unusual readings": ("unusual readings", "mesures inhabituelles"),
    "normally": ("normally {span}", "normalement {span}"),
    "to": ("{low} to {high}", "{low} à {high}"),
    "subject anomaly": ("{device}: {what}", "{device}{nbsp}: {what}"),
    "subject severe": ("{device}, severe", "{device}, grave"),
    "subject values": ("{subject}, {values}", "{subject}, {values}"),
    "subject sensor": (
        "{device}: its sensor fails ({why})",
        "{device}{nbsp}: son capteur est en panne ({why})",
    ),
    "no reason": ("no reason given", "raison inconnue"),
    "subject silent": (
        "{device}: nothing heard since {when}",
        "{device}{nbsp}: plus de nouvelles depuis {when}",
    ),
    "subject offline": ("{device}: offline since {when}", "{device}{nbsp}: hors ligne depuis {when}"),
    "subject overslept": (
        "{device}: did not wake up, last heard {when}",
        "{device}{nbsp}: ne s'est pas réveillée, dernières nouvelles {when}",
    ),
    "subject claim": ("two boards claim to be {device}", "deux cartes disent être {device}"),
    "subject flood messages": (
        "{device} sends {times} times what its period allows: the surplus is held back",
        "{device} envoie {times} fois ce que sa période permet{nbsp}: le surplus est retenu",
    ),
    "subject flood streams": (
        "{device} starts a new memory again and again: the surplus is held back",
        "{device} commence sans cesse une nouvelle mémoire{nbsp}: le surplus est retenu",
    ),
    "subject siblings": ("{device} has left {others}: {away}", "{device} s'écarte de {others}{nbsp}: {away}"),
    "and": ("{first} and {last}", "{first} et {last}"),
    "away warmer": ("{value} warmer", "{value} plus chaud"),
    "away colder": ("{value} colder", "{value} plus froid"),
    "away moister": ("{value} more humid", "{value} plus humide"),
    "away drier": ("{value} drier", "{value} plus sec"),
    "subject worse": ("Now severe: {subject}", "Devient grave{nbsp}: {subject}"),
    "subject reminder": ("Still going on: {subject}", "Toujours en cours{nbsp}: {subject}"),
    "subject escalation": ("Nobody has answered: {subject}", "Sans réponse{nbsp}: {subject}"),
    "subject over": ("Over: {subject}", "Terminé{nbsp}: {subject}"),
    "subject many": ("{count} boards need a look", "{count} cartes à vérifier"),
    "subject budget": (
        "{count} severe episodes, and today's mails are used up",
        "{count} épisodes graves, et les e-mails du jour sont épuisés",
    ),
    "subject digest": ("Vigie, {day}: {what}", "Vigie, {day}{nbsp}: {what}"),
    "digest nothing": ("mails that may not have reached you", "e-mails peut-être non reçus"),
    "digest over": ("{count} over", "{count} terminé(s)"),
    "digest late": ("{count} late", "{count} en retard"),
    "digest open": ("{count} going on", "{count} en cours"),
    "lead opening": (
        "{device} at {site} began to give abnormal readings at {when}.",
        "{device} ({site}) donne des mesures anormales depuis {when}.",
    ),
    "lead sensor": (
        "The sensor of {device} at {site} has not answered since {when}. The board measures nothing until "
        "it answers again, and makes no value up. Check its wires and its supply.",
        "Le capteur de {device} ({site}) ne répond plus depuis {when}. Tant qu'il ne répond pas, la carte "
        "ne mesure rien et n'invente aucune valeur. Vérifiez ses fils et son alimentation.",
    ),
    "lead silent": (
        "{device} at {site} has sent nothing since {when}. If it has power, it keeps what it measures and "
        "sends it later. Check its power and its Wi-Fi.",
        "{device} ({site}) n'a rien envoyé depuis {when}. Si elle est alimentée, elle garde ses mesures et "
        "les enverra plus tard. Vérifiez son alimentation et son Wi-Fi.",
    ),
    "lead claim": (
        "Since {when} two boards send as {device} at {site}: a flash was copied, or a replaced board runs "
        "again. Where both used the same number, the first reading is stored and the other one is in "
        "quarantine. Switch one of them off, or give it a name of its own (make flash ERASE=1, then make "
        "provision). python -m cloud audit names the readings.",
        "Depuis {when}, deux cartes envoient sous le nom {device} ({site}){nbsp}: une mémoire a été copiée, "
        "ou une carte remplacée fonctionne de nouveau. Quand toutes deux ont utilisé le même numéro, la "
        "première mesure est enregistrée, l'autre est mise en quarantaine. Éteignez l'une d'elles, ou "
        "donnez-lui son propre nom (make flash ERASE=1, puis make provision). python -m cloud audit nomme "
        "les mesures.",
    ),
    "lead flood": (
        "Since {when} {device} at {site} sends far more messages than a board with its period needs. The "
        "backend holds back what is beyond its share: it neither stores nor acknowledges it, so the board "
        "keeps it and sends it again. The other boards do not wait for it. If this board does nothing "
        "unusual, somebody else has its password at the broker: change that password (docs/security.md).",
        "Depuis {when}, {device} ({site}) envoie bien plus de messages qu'il n'en faut à une carte de sa "
        "période. Le backend retient ce qui dépasse sa part{nbsp}: il ne l'enregistre pas et ne le confirme "
        "pas, donc la carte le garde et le renvoie. Les autres cartes n'attendent pas. Si cette carte ne "
        "fait rien d'inhabituel, quelqu'un d'autre a son mot de passe du broker{nbsp}: changez ce mot de "
        "passe (docs/security.md).",
    ),
    "lead over": (
        "It is over: {device} at {site} was abnormal from {when} for {length}.",
        "C'est fini{nbsp}: {device} ({site}) a été anormale à partir de {when}, pendant {length}.",
    ),
    "lead over silence": (
        "It is over: {device} at {site} was not heard from {when} for {length}.",
        "C'est fini{nbsp}: {device} ({site}) n'a plus donné de nouvelles à partir de {when}, pendant "
        "{length}.",
    ),
    "lead siblings": (
        "Since {when} {device} at {site} moves away from {others}, which it had followed until then. They "
        "still agree: it is this sensor or what stands near it, not the whole room. Put a thermometer "
        "beside it and compare.",
        "Depuis {when}, {device} ({site}) s'éloigne de {others}, qu'elle suivait jusque-là. Elles restent "
        "d'accord{nbsp}: c'est ce capteur, ou ce qui l'entoure, et non toute la pièce. Comparez-le à un "
        "thermomètre posé à côté.",
    ),
    "lead over siblings": (
        "{device} at {site} goes with {others} again after {length}.",
        "{device} ({site}) suit de nouveau {others}, après {length}.",
    ),
    "ahead": ("Ahead", "À venir"),
    "breach": ("{limit} at about {when}", "{limit} vers {when}"),
    "breach row": (
        "{limit}, your limit, at about {when} if it goes on like this",
        "{limit}, votre limite, vers {when} si cela continue ainsi",
    ),
    "subject breach": ("{subject}; {breach}", "{subject}{nbsp}; {breach}"),
    "siblings": ("Its siblings", "Ses voisines"),
    "siblings left": (
        "It has left {others} ({away}): this sensor, not the room",
        "Elle s'écarte de {others} ({away}){nbsp}: ce capteur, et non la pièce",
    ),
    "lead over flood": (
        "It is over: {device} at {site} sent more than its share from {when} for {length}.",
        "C'est fini{nbsp}: {device} ({site}) a envoyé plus que sa part à partir de {when}, pendant {length}.",
    ),
    "lead over claim": (
        "It is over: two boards sent as {device} at {site} from {when} for {length}.",
        "C'est fini{nbsp}: deux cartes ont envoyé sous le nom {device} ({site}) à partir de {when}, pendant "
        "{length}.",
    ),
    "lead worse": ("This warning has become severe.", "Ce qui était un avertissement est devenu grave."),
    "lead reminder": (
        "It still goes on, and nobody has said that they have seen it.",
        "L'épisode continue, et personne n'a dit l'avoir vu.",
    ),
    "lead escalation": (
        "You get this mail because the people who were warned first did not answer within {length}.",
        "Vous recevez cet e-mail car les personnes prévenues en premier n'ont pas répondu en {length}.",
    ),
    "subject rollout": (
        "The roll-out of {what} has stopped: {why}",
        "Le déploiement {what} s'est arrêté{nbsp}: {why}",
    ),
    "rollout model": ("models", "des modèles"),
    "rollout config": ("settings", "des réglages"),
    "rollout app": ("a release", "d'une version"),
    "lead rollout": (
        "No other board gets it; python -m cloud rollout show names each one. The boards that have it keep "
        "it, unless you run python -m cloud rollout back. No board takes an older release: sign the earlier "
        "application anew, and roll that out.",
        "Aucune autre carte ne le reçoit{nbsp}; python -m cloud rollout show les nomme toutes. Les cartes "
        "qui l'ont le gardent, sauf si vous lancez python -m cloud rollout back. Aucune carte ne prend une "
        "version plus ancienne{nbsp}: signez de nouveau l'application d'avant, puis déployez-la.",
    ),
    "lead many": (
        "One mail tells you of all these episodes, so that you need not read {count} mails.",
        "Un seul e-mail vous signale tous ces épisodes, au lieu de {count}.",
    ),
    "lead many silent": (
        "When so many boards fall silent together, they mostly have one cause: look at the broker, the "
        "network and the backend first.",
        "Quand tant de cartes se taisent ensemble, la cause est souvent unique{nbsp}: regardez d'abord le "
        "broker, le réseau et le backend.",
    ),
    "lead budget": (
        "Today's mails are used up, so Vigie sends no other mail until midnight (UTC). You find everything "
        "on the dashboard and in tomorrow's mail.",
        "Les e-mails du jour sont épuisés{nbsp}: Vigie n'en enverra plus avant minuit (UTC). Vous trouverez "
        "tout sur le tableau de bord et dans l'e-mail de demain.",
    ),
    "lead digest": (
        "This happened since the last digest and needed no mail of its own.",
        "Voici ce qui s'est passé depuis le dernier résumé et ne demandait pas d'e-mail à part.",
    ),
    "held quiet hours": (
        "This mail waited for the end of your quiet hours.",
        "Cet e-mail a attendu la fin de vos heures calmes.",
    ),
    "held cool-down": (
        "This mail waited, because you had one about this board shortly before.",
        "Cet e-mail a attendu, car un autre sur cette carte venait de partir.",
    ),
    "held many at once": (
        "This mail waited, because many episodes began at once.",
        "Cet e-mail a attendu, car beaucoup d'épisodes ont commencé ensemble.",
    ),
    "held budget": (
        "This mail waited, because that day's mails were used up.",
        "Cet e-mail a attendu, car les e-mails du jour étaient épuisés.",
    ),
    "held share": (
        "This mail waited, because this board had used its share of that day's mails.",
        "Cet e-mail a attendu, car cette carte avait épuisé sa part des e-mails du jour.",
    ),
    "again": ("began again {count} times", "a recommencé {count} fois"),
    "normal here": ("Normal for this board", "Normal pour cette carte"),
    "normal basis": ("98 % of its readings in the {length} before", "98 % de ses mesures sur {length} avant"),
    "normal trained": ("its trained range", "sa plage apprise"),
    "learning": ("Still learning", "Apprentissage en cours"),
    "not known": ("not known yet", "pas encore connu"),
    "since": ("Since", "Depuis"),
    "lasted": ("Lasted", "Durée"),
    "readings": ("Abnormal readings", "Mesures anormales"),
    "so far": ("{count} so far", "{count} jusqu'ici"),
    "detectors": ("Detectors", "Détecteurs"),
    "sensor says": ("Sensor says", "Le capteur dit"),
    "cloud": ("Cloud", "Cloud"),
    "agrees": ("agrees with the board", "d'accord avec la carte"),
    "board alone": ("only the board has a detector for this", "seule la carte a un détecteur pour cela"),
    "disagrees": ("does not agree with the board", "pas d'accord avec la carte"),
    "agrees partly": (
        "agrees with the board on {agreed} of {count}",
        "d'accord avec la carte pour {agreed} sur {count}",
    ),
    "last heard": ("Last heard", "Dernières nouvelles"),
    "why silent": ("Noticed by", "Remarqué par"),
    "by will": (
        "the broker, which lost the connection to the board",
        "le broker, qui a perdu la connexion avec la carte",
    ),
    "by timer": (
        "a timer: several messages were due, and none came",
        "une minuterie{nbsp}: plusieurs messages étaient attendus, aucun n'est venu",
    ),
    "by due": (
        "a timer: the board did not wake up when it was due",
        "une minuterie{nbsp}: la carte ne s'est pas réveillée à l'heure dite",
    ),
    "last sign": ("Last sign of it", "Dernier signe"),
    "claim seqs": (
        "a number that came twice, with different values",
        "un numéro venu deux fois, avec des valeurs différentes",
    ),
    "claim boots": (
        "an older start that went on after a newer one",
        "un démarrage plus ancien qui a continué après un plus récent",
    ),
    "claim streams": ("two memories that sent in turn", "deux mémoires qui ont envoyé tour à tour"),
    "do acknowledge": ("I have seen it", "Je l'ai vu"),
    "do acknowledge all": ("I have seen them", "Je les ai vus"),
    "do real": ("It was real", "C'était réel"),
    "do false": ("False alarm", "Fausse alerte"),
    "do open": ("Open on the dashboard", "Ouvrir le tableau de bord"),
    "foot once": (
        "Once you have said that you have seen it, Vigie sends no more mail about this episode; the daily "
        "digest tells when it is over.",
        "Une fois que vous avez dit l'avoir vu, Vigie n'envoie plus d'e-mail sur cet épisode{nbsp}; le "
        "résumé du jour dira quand il est terminé.",
    ),
    "foot reminder": (
        "Until then Vigie sends a reminder after {length}, and then after twice as long each time.",
        "D'ici là, Vigie envoie un rappel après {length}, puis à chaque fois après le double.",
    ),
    "foot reminder alone": (
        "While it goes on, Vigie sends a reminder after {length}, and then after twice as long each time.",
        "Tant qu'il dure, Vigie envoie un rappel après {length}, puis à chaque fois après le double.",
    ),
    "foot links": (
        "Each button works once, for {days} days, without a password: do not forward this mail.",
        "Chaque bouton sert une fois, pendant {days} jours, sans mot de passe{nbsp}: ne transférez pas cet "
        "e-mail.",
    ),
    "more": ("and {count} more, on the dashboard", "et {count} autres, sur le tableau de bord"),
    "carried": ("These mails may not have reached you", "Ces e-mails ne vous sont peut-être pas parvenus"),
    "section open": ("Going on", "En cours"),
    "section closed": ("Over", "Terminés"),
    "section late": ("Arrived late: noted, no alarm", "Arrivés en retard{nbsp}: notés, sans alerte"),
    "for": ("for {length}", "pendant {length}"),
    "chart alt": (
        "Temperature and humidity of {device} around the episode",
        "Température et humidité de {device} autour de l'épisode",
    ),
    "chart normal": ("normal for this board", "normal pour cette carte"),
    "test subject": ("Vigie: this is a test", "Vigie{nbsp}: ceci est un essai"),
    "test lead": (
        "This is a test: mails reach you. An alert looks like the one below; its board and its values are "
        "made up.",
        "Ceci est un essai{nbsp}: les e-mails vous parviennent. Une alerte ressemble à ce qui suit{nbsp}; "
        "sa carte et ses valeurs sont inventées.",
    ),
    "answer nothing": ("Nothing was changed", "Rien n'a été changé"),
    "answer trouble": (
        "The database does not answer. Try again in a minute.",
        "La base de données ne répond pas. Réessayez dans une minute.",
    ),
    "answer acknowledge": ("Thank you: marked as seen.", "Merci{nbsp}: marqué comme vu."),
    "answer real": ("Thank you: marked as real.", "Merci{nbsp}: marqué comme réel."),
    "answer false": ("Thank you: marked as a false alarm.", "Merci{nbsp}: marqué comme fausse alerte."),
    "answer used": (
        "This button was used already, {when}. Nothing more to do.",
        "Ce bouton a déjà servi, {when}. Il n'y a plus rien à faire.",
    ),
    "answer expired": (
        "This link is older than {days} days and no longer works.",
        "Ce lien a plus de {days} jours et ne fonctionne plus.",
    ),
    "answer forged": (
        "Vigie did not make this link. Perhaps the mail program cut it: copy the whole link.",
        "Ce lien ne vient pas de Vigie. Le programme d'e-mail l'a peut-être coupé{nbsp}: copiez le lien "
        "entier.",
    ),
    "answer gone": (
        "The alert that this link is about is no longer stored.",
        "L'alerte concernée par ce lien n'est plus enregistrée.",
    ),
    "answer no key": (
        "The dashboard cannot check links: set LINK_KEY (python -m cloud alert key prints it).",
        "Le tableau de bord ne peut pas vérifier les liens{nbsp}: définissez LINK_KEY (python -m cloud "
        "alert key l'affiche).",
    ),
}
