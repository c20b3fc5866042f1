"""What is known by itself where keys tell little: given names, and diseases.

In comes a whole value below a key that as often names other things (`displayName`,
`conditions`); out goes whether it is a person's name, or speaks of a disease. Given
names are those of `given_names.txt`, which says how it was made.
"""

import re
from functools import cache
from pathlib import Path

from detection.validators.addressed import JOINING
from detection.validators.verdict import Verdict, verdict

_NAMES = Path(__file__).parent / "given_names.txt"
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*\.?")
_MOST_WORDS = 5
_THINGS = frozenset(
    """
    account admin administrator agency app application area avenue bank board bot
    branch building campaign center centre channel city club collection college
    company corp corporation council country county court department desk device
    district division drive edition estate event factory fund gallery gmbh group
    hall holding holdings hospital hotel house inc index institute island lab labs
    lake list llc llp location ltd mall market model museum office page park period
    pipeline place plan plant plc policy port product project queue region release
    report restaurant road role room sale school server service services shop site
    space squad station store street studio support system team tenant test theatre
    tower town university user village warehouse web workspace zone
""".split()
)
"""Words of what is called after people or places."""
_DISEASES = frozenset(
    """
    acne adhd aids alcoholism allergies allergy alzheimer alzheimers anaemia anemia
    aneurysm angina anorexia anxiety apnea apnoea arrhythmia asma asthma asthmatic
    asthme astma autism bipolar bronchiolitis bulimia cancer cataract cataracts cholera
    chlamydia cirrhosis coeliac celiac concussion copd covid covid-19 crohn crohns
    deafness dementia demenz depression depressive dépression depresión depressione
    diabetes diabetic diabete diabète dyslexia eczema embolism emphysema
    endometriosis epilepsy epileptic epilepsie epilepsia fibromyalgia fibrillation
    fibrosis flu fracture glaucoma gonorrhea gonorrhoea gout haemophilia hemophilia
    hernia herpes hiv hypertension hypertonie hipertensión hypertonia hypotension
    hyperthyroidism hypothyroidism hypoglycemia ibs infarction influenza insomnia
    jaundice krebs leukaemia leukemia lupus malaria measles melanoma migraine migraines
    migräne miscarriage mononucleosis mumps narcolepsy obese obesity osteoporosis palsy
    paralysis paranoia parkinson parkinsons pneumonia preeclampsia pregnancy pregnant
    psoriasis psychosis ptsd rabies rheumatism rosacea schizophrenia sciatica scoliosis
    seizure seizures sepsis shingles stroke syphilis tachycardia tetanus thrombosis
    tinnitus tuberculosis tumor tumour typhoid ulcer vertigo vitiligo
""".split()
)
"""Also what they are in other languages."""
_DISEASE = re.compile(
    "[a-z]{2,}(?:itis|opathy|algia|plegia|sclerosis|carcinoma|lymphoma|anaemia|anemia"
    "|glycemia|lipidemia)"
)
"""Words made as names of diseases are."""
_OF_ORGANS = re.compile(
    "(?:heart|kidney|renal|liver|hepatic|cardiac|lung|thyroid|respiratory|pulmonary)"
    " (?:attack|disease|failure|disorder|stones?)|high blood pressure|sickle cell"
    "|down(?:'?s)? syndrome|muscular dystrophy"
)
_MOST_CHARACTERS = 120
_WORD = re.compile(r"[^\W\d_]+(?:-\d+)?")


@cache
def _given_names() -> frozenset[str]:
    lines = _NAMES.read_text().splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def known_person(text: str) -> Verdict:
    """A given name that many bear, with a family name, in either order; nothing of it
    names a thing."""
    last, comma, first = text.partition(",")
    words = f"{first} {last}".split() if comma else text.split()
    if not 2 <= len(words) <= _MOST_WORDS:
        return Verdict.INVALID
    for word in words:
        lower = word.lower()
        if _NAME_WORD.fullmatch(word) is None or lower in _THINGS:
            return Verdict.INVALID
        if not word[0].isupper() and lower not in JOINING:
            return Verdict.INVALID
    given = words[0].partition("-")[0].lower()
    return verdict(given in _given_names())


def known_disease(text: str) -> Verdict:
    """A short text with the name of a disease, or a word formed like one."""
    if len(text) > _MOST_CHARACTERS:
        return Verdict.INVALID
    lower = text.lower()
    words = _WORD.findall(lower)
    is_one = any(word in _DISEASES or _DISEASE.fullmatch(word) for word in words)
    return verdict(is_one or _OF_ORGANS.search(lower) is not None)
