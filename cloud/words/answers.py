"""What Vigie asks about an episode and does with the answer, in English and in French."""

TEXTS: dict[str, tuple[str, str]] = {
    "ask label": (
        "What was it? One click teaches the board.",
        "Qu'était-ce{nbsp}? Un clic l'apprend à la carte.",
    ),
    "cause door": ("Door", "Porte"),
    "cause defrost": ("Defrost", "Dégivrage"),
    "cause loading": ("Loading", "Chargement"),
    "cause cleaning": ("Cleaning", "Nettoyage"),
    "cause moved": ("Board moved", "Carte déplacée"),
    "cause fault": ("Real fault", "Vraie panne"),
    "cause unknown": ("Do not know", "Je ne sais pas"),
    "answer ask": ("What was it?", "Qu'était-ce{nbsp}?"),
    "answer other": ("Change the answer", "Changer la réponse"),
    "answer note": ("A line about it, if you like", "Une ligne à ce sujet, si vous voulez"),
    "answer is": ("It was: {cause}", "C'était{nbsp}: {cause}"),
    "subject model": ("{device}: may it have its next model?", "{device}{nbsp}: son prochain modèle{nbsp}?"),
    "lead model first": (
        "The first model of {device} is ready: it was trained on {days} days of its own readings.",
        "Le premier modèle de {device} est prêt{nbsp}: il a été entraîné sur {days} jours de ses propres "
        "mesures.",
    ),
    "lead model": (
        "The next model of {device} has judged its last {days} days again: {after} mails where the present "
        "one has {before}. It finds as many medium and strong faults as the present one.",
        "Le prochain modèle de {device} a rejugé ses {days} derniers jours{nbsp}: {after} e-mails là où le "
        "modèle actuel en compte {before}. Il trouve autant de pannes moyennes et fortes que l'actuel.",
    ),
    "next model": ("Next model", "Prochain modèle"),
    "model raised": ("Thresholds raised", "Seuils relevés"),
    "do model": ("Give it to {device}", "Le donner à {device}"),
    "foot model": (
        "Set DASHBOARD_URL, so that this mail has a button, or let Vigie do it: AUTO_MODEL=yes.",
        "Définissez DASHBOARD_URL pour que cet e-mail ait un bouton, ou laissez faire Vigie{nbsp}: "
        "AUTO_MODEL=yes.",
    ),
    "answer model": (
        "Thank you: the board gets it over the air.",
        "Merci{nbsp}: la carte le reçoit par le réseau.",
    ),
    "next title": ("Its next model", "Son prochain modèle"),
    "next none": (
        "No next model is on its way yet: your answers and a longer history lead to one.",
        "Pas encore de prochain modèle{nbsp}: vos réponses et un historique plus long y mènent.",
    ),
    "next kept": (
        "Your answers changed nothing yet: no threshold can be raised without missing a fault.",
        "Vos réponses n'ont encore rien changé{nbsp}: aucun seuil ne peut être relevé sans laisser passer "
        "une panne.",
    ),
    "next refused": (
        "The last model that was tried was refused: {why}. The present one stays.",
        "Le dernier modèle essayé a été refusé{nbsp}: {why}. Le modèle actuel reste.",
    ),
    "next not detectors": ("a detector would no longer watch", "un détecteur ne surveillerait plus"),
    "next not recall": (
        "it misses faults that are found now",
        "il laisse passer des pannes trouvées aujourd'hui",
    ),
    "next not real": (
        "it misses what you called a real fault",
        "il laisse passer ce que vous avez appelé une vraie panne",
    ),
    "next not harmless": (
        "it alarms where you said there was no harm",
        "il alerte là où vous avez dit que ce n'était rien",
    ),
    "next not alarms": ("it alarms more often", "il alerte plus souvent"),
    "next not else": ("it failed its trial", "son essai a échoué"),
    "next first": (
        "The first model was trained on {days} days of readings.",
        "Le premier modèle a été entraîné sur {days} jours de mesures.",
    ),
    "next raised": ("Raised: {names}.", "Relevés{nbsp}: {names}."),
    "next did": (
        "On the last {days} days, judged again: {before} → {after}; {found} of {faults} faults that were "
        "put in are found.",
        "Sur les {days} derniers jours, rejugés{nbsp}: {before} → {after}{nbsp}; {found} des {faults} "
        "pannes ajoutées sont trouvées.",
    ),
    "next shadow": (
        "It now judges beside the present one for a day, before the board gets it.",
        "Il juge maintenant pendant un jour à côté du modèle actuel, avant que la carte le reçoive.",
    ),
    "next asked": (
        "A mail asks whether the board may have it.",
        "Un e-mail demande si la carte peut le recevoir.",
    ),
    "next meant": (
        "The board gets model {model} over the air.",
        "La carte reçoit le modèle {model} par le réseau.",
    ),
    "lesson did": (
        "Since your {answers}: {before} mails a week → {after}.",
        "Depuis vos {answers}{nbsp}: {before} e-mails par semaine → {after}.",
    ),
    "teach thanks": ("Thank you: {cause}. {what}", "Merci{nbsp}: {cause}. {what}"),
    "teach harmless": (
        "Vigie now tries to raise the thresholds of what alarmed ({detectors}), as far as every fault that "
        "is found today is still found. The page Models says what came of it.",
        "Vigie essaie maintenant de relever les seuils de ce qui a alerté ({detectors}), tant que toute "
        "panne trouvée aujourd'hui reste trouvée. La page Modèles dit ce qu'il en est.",
    ),
    "teach fault": (
        "Vigie does not learn it as normal, and every newer model must find it.",
        "Vigie ne l'apprend pas comme normal, et tout modèle plus récent devra le trouver.",
    ),
    "teach unknown": (
        "Vigie keeps your answer with the episode; nothing else changes.",
        "Vigie garde votre réponse avec l'épisode{nbsp}; rien d'autre ne change.",
    ),
}
