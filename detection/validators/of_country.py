"""Tax, VAT and identity numbers of each country.

Where a country is named, every number counts that a person or firm may write there;
others are invalid, whatever they are elsewhere. Numbers without check digits are told
by form, from the OECD's and the European Commission's lists of tax identification
numbers and the issuing offices.
"""

import re
from collections.abc import Callable
from functools import cache

from detection.validators import national
from detection.validators.verdict import Verdict, verdict

VAT_NUMBERS = """
    at.uid:8-11 be.vat:9-12 bg.vat:9-12 cy.vat:9-11 cz.dic:8-12 de.vat:9-11
    dk.cvr:8-10 ee.kmkr:9-11 es.nif:9-11 fi.alv:8-10 fr.tva:11-13 gr.vat:8-11
    hr.oib:11-13 hu.anum:8-10 ie.vat:8-11 it.iva:11-13 lt.pvm:9-14 lu.tva:8-10
    lv.pvn:11-13 mt.vat:8-10 nl.btw:12-14 pl.nip:10-12 pt.nif:9-11 ro.cf:2-12
    se.vat:12-14 si.ddv:8-10 sk.dph:10-12 gb.vat:5-14 ch.vat:12-16 ch.uid:9-12
    no.mva:9-14 is_.vsk:5-8 ru.inn:10-12 rs.pib:9 tr.vkn:10 ua.edrpou:8 mk.edb:13-15
    by.unp:9-11 al.nipt:10-12 au.abn:11 nz.ird:8-9 in_.gstin:15 ca.bn:9-15
    br.cnpj:14 ar.cuit:11 cl.rut:8-9 co.nit:8-16 cr.cpj:10 do.rnc:9 ec.ruc:13
    gt.nit:2-12 mx.rfc:10-13 pe.ruc:11 py.ruc:5-9 sv.nit:14 uy.rut:12 ve.rif:10
    za.tin:10 il.hp:9 jp.cn:13 cn.uscc:18 sm.coe:3-7
"""
"""Modules of python-stdnum, and how many letters and digits their numbers have."""
TAX_NUMBERS = """
    hr.oib:11 lv.pvn:11 tr.vkn:10 ua.rntrc:10 bg.pnf:10 ru.inn:10-12 vn.mst:10-13
    gb.utr:10 pl.nip:10 za.tin:10 ca.bn:9-15 cz.dic:8-10 il.idnr:4-9 nl.bsn:9 gr.vat:9
    ca.sin:9 au.tfn:8-9 pt.nif:9 cl.rut:8-9 ch.uid:9-12 at.tin:9 de.idnr:11 fr.nif:13
    it.codicefiscale:11-16 es.nif:9 es.nie:9 be.nn:11 dk.cpr:10 se.personnummer:10-12
    fi.hetu:10-11 no.fodselsnummer:11 ee.ik:11 lt.asmens:11 pl.pesel:11 cz.rc:9-10
    hu.anum:8 ro.cnp:13 bg.egn:10 si.ddv:8 ie.pps:8-9 br.cpf:11 br.cnpj:14
    mx.rfc:10-13 ar.cuit:11 in_.pan:10 in_.gstin:15 nz.ird:8-9 tr.tckimlik:11
    jp.in_:12 id.npwp:15-16 cy.vat:9 lu.tva:8 mt.vat:8 sk.rc:9-10 sg.uen:9-10
    th.tin:13 pe.ruc:11 ec.ruc:13 uy.rut:12 ve.rif:10
"""
"""Of python-stdnum too, first those that take most numbers; those without check digits,
or whose numbers have any length, are told by their form."""
IDENTITY_NUMBERS = """
    hr.oib:11 lv.pvn:11 ua.rntrc:10 at.vnr:10 nl.bsn:9 cz.rc:9-10 il.idnr:4-9
    cl.rut:8-9 ca.sin:9 au.tfn:8-9 pe.cui:8-9 al.nipt:10 ar.cuit:11 be.nn:11 be.ssn:11
    bg.egn:10 br.cpf:11 ch.ssn:13 cn.ric:18 de.idnr:11 dk.cpr:10 ec.ci:10 ee.ik:11
    es.dni:9 es.nie:9 es.nif:9 fi.hetu:10-11 fr.nir:15 gr.amka:11 ie.pps:8-9
    in_.aadhaar:12 in_.pan:10 is_.kennitala:10 it.codicefiscale:11-16 jp.in_:12
    lt.asmens:11 mx.curp:18 no.fodselsnummer:11 pl.pesel:11 pt.cc:12 ro.cnp:13
    se.personnummer:10-12 si.emso:13 th.pin:13 tr.tckimlik:11 za.idnr:13
"""
_LOCAL_NUMBERS = """
    ad.nrt:8 az.voen:10 co.nit:8-16 cr.cpf:9-10 cr.cpj:10 cr.cr:11-12 de.stnr:10
    do.cedula:11 do.rnc:9 dz.nif:15-20 eg.tn:9 fi.ytunnus:8 gh.tin:11 gt.nit:2-12
    id.nik:16 ke.pin:11 ma.ice:15 me.pib:8 mz.nuit:9 my.nric:12 no.orgnr:9 py.ruc:5-9
    se.orgnr:10 tn.mf:8-13 us.ein:9 us.itin:9 us.ssn:9 vn.mst:10-13
"""
"""Modules of python-stdnum that take too much where no country is named."""
_OURS: dict[str, tuple[Callable[[str], Verdict], ...]] = {
    "AE": (national.ae_emirates_id,),
    "CN": (national.cn_resident_id,),
    "EG": (national.eg_national_id,),
    "ES": (national.es_social_security,),
    "FI": (national.fi_hetu,),
    "GB": (national.uk_nino,),
    "HK": (national.hk_id_card,),
    "HU": (national.hu_tax_id, national.hu_personal_number),
    "IR": (national.ir_national_code,),
    "KR": (national.kr_rrn, national.kr_business_number),
    "LK": (national.lk_nic,),
    "LU": (national.lu_national_id,),
    "LV": (national.lv_personal_code,),
    "MX": (national.luhn11,),
    "PL": (national.pl_id_card,),
    "RU": (national.ru_snils,),
    "SA": (national.sa_national_id,),
    "SE": (national.se_personnummer,),
    "SG": (national.sg_nric,),
    "TW": (national.tw_national_id,),
    "VN": (national.vn_citizen_id,),
    "ZA": (national.za_id_number,),
}
_TAX_FORMS = {
    "BO": r"\d{7,12}",
    "CR": r"\d{9,12}",
    "DE": r"\d{2,5}/\d{3,4}/\d{4,5}(?:/\d)?|[1-59]\d{3}0\d{8}",
    "HN": r"\d{14}",
    "KZ": r"\d{12}",
    "MT": r"\d{7}[ABGHLMPZ]|([1-8])\1\d{7}",
    "NG": r"\d{10}|\d{12}",
    "NI": r"[A-Z]?\d{13}[A-Z]?",
    "NP": r"\d{9}",
    "PA": r"\d{5,14}(?:DV\d{2})?",
    "PH": r"\d{9}|\d{12}",
    "PK": r"\d{7,8}|\d{13}",
    "SA": r"3\d{13}3",
    "UA": r"\d{12}",
    "UZ": r"\d{9}",
}
_IDENTITY_FORMS = {
    "AR": r"\d{7,8}",
    "AZ": r"(?=[A-Z]*\d)[A-HJ-NP-Z\d]{7}",
    "BD": r"\d{10}|\d{13}|\d{17}",
    "CO": r"\d{6,10}",
    "DE": r"[CFGHJKLMNPRTVWXYZ\d]{9}",
    "DZ": r"\d{18}",
    "FR": r"\d{12}|(?=[A-Z]*\d)[A-Z\d]{9}",
    "GH": r"GHA\d{10}",
    "HN": r"\d{13}",
    "HU": r"\d{6}[A-Z]{2}",
    "IT": r"[A-Z]{2}\d{7}|C[A-Z](?!0{5})\d{5}[A-Z]{2}|\d{7}[A-Z]{2}",
    "KE": r"\d{7,8}",
    "KZ": r"\d{12}",
    "LY": r"[12]\d{11}",
    "MA": r"[A-Z]{1,2}\d{5,6}",
    "MY": r"\d{12}",
    "MZ": r"\d{12}[A-Z]",
    "NG": r"\d{11}",
    "PE": r"\d{8}",
    "PH": r"\d{12}|\d{16}",
    "PK": r"[1-7]\d{12}",
    "TN": r"\d{8}",
    "UA": r"\d{9}",
    "UZ": r"[A-Z]{2}\d{7}|\d{14}",
    "VE": r"[VE]?\d{6,8}",
}
"""With or without the signs in them."""
_SIGNS = str.maketrans("", "", "-./() ")


@cache
def _of_length(numbers: str, length: int) -> tuple[str, ...]:
    """Those of that length: trying all costs a fraction of a millisecond."""
    found = []
    for entry in numbers.split():
        name, _, lengths = entry.partition(":")
        least, _, most = lengths.partition("-")
        if int(least) <= length <= int(most or least):
            found.append(name)
    return tuple(found)


def is_one_of(text: str, numbers: str) -> bool:
    return national.is_any(
        text, _of_length(numbers, min(len(national.alphanumeric(text)), 40))
    )


@cache
def _modules(country: str, is_vat: bool) -> str:
    """Entries of all lists that are of the country, or of the first if it has one."""
    package = {"IN": "in_", "IS": "is_"}.get(country, country.lower())
    vat_numbers = _of_package(package, VAT_NUMBERS)
    if is_vat and vat_numbers:
        return vat_numbers
    lists = VAT_NUMBERS, TAX_NUMBERS, IDENTITY_NUMBERS, _LOCAL_NUMBERS
    return _of_package(package, " ".join(lists))


def _of_package(package: str, numbers: str) -> str:
    return " ".join(
        entry for entry in numbers.split() if entry.startswith(f"{package}.")
    )


def _number(
    country: str, text: str, forms: dict[str, str], is_vat: bool = False
) -> Verdict | None:
    form, modules = forms.get(country), _modules(country, is_vat)
    ours = () if is_vat else _OURS.get(country, ())
    if not (form or modules or ours):
        return None
    bare = re.sub(rf"^{country}-?(?=\w)", "", text.upper())
    written = bare, bare.translate(_SIGNS)
    return verdict(
        any(form and re.fullmatch(form, part) for part in written)
        or any(is_one_of(part, modules) for part in (text, bare.strip()))
        or any(check(text) is not Verdict.INVALID for check in ours)
    )


def tax_id(country: str, text: str) -> Verdict | None:
    """None, here and below: nothing is known of the country."""
    return _number(country, text, _TAX_FORMS)


def vat(country: str, text: str) -> Verdict | None:
    return _number(country, text, _TAX_FORMS, is_vat=True)


def national_id(country: str, text: str) -> Verdict | None:
    return _number(country, text, _IDENTITY_FORMS)
