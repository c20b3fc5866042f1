"""Tax, VAT and identity numbers whose country the key does not tell.

The validators of all countries are tried, of python-stdnum only those whose numbers
have as many letters and digits. A random number passes a check of some country easily,
so an answer of valid says less here than in `national.py`.
"""

import re
from functools import cache

from stdnum import get_cc_module

from detection.countries import COUNTRIES
from detection.national import (
    ae_emirates_id,
    alphanumeric,
    cn_resident_id,
    document_number,
    hk_id_card,
    hu_tax_id,
    ir_national_code,
    is_any,
    kr_business_number,
    kr_rrn,
    library,
    lk_nic,
    lu_national_id,
    pl_id_card,
    sa_national_id,
    sg_nric,
    tw_national_id,
    uk_nino,
    unsure_digits,
    za_id_number,
)
from detection.verdict import Verdict, verdict


def eu_vat(text: str) -> Verdict:
    """With the country's prefix."""
    return verdict(library("eu.vat")(text))


_EU_PREFIXES = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK "
    "XI".split()
)
_VAT_NUMBERS = """
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


def _is_one_of(text: str, numbers: str) -> bool:
    return is_any(text, _of_length(numbers, min(len(alphanumeric(text)), 40)))


def any_vat(text: str) -> Verdict:
    """Valid in some country, in that of its prefix if it has one."""
    if len(set(alphanumeric(text))) < 3:
        return Verdict.INVALID
    prefix = re.match("[A-Za-z]{2}(?=[ -]?[0-9A-Z])", text)
    if prefix and prefix[0].upper() in _EU_PREFIXES:
        return eu_vat(text)
    if prefix and prefix[0].upper() in COUNTRIES:
        return _country_vat(prefix[0].lower(), text)
    if kr_business_number(text) is Verdict.VALID:
        return Verdict.VALID
    return verdict(_is_one_of(text, _VAT_NUMBERS))


_VAT_FORMS = {
    "BO": r"\d{7,12}",
    "CR": r"\d{9,12}",
    "HN": r"\d{14}",
    "IN": r"\d{2}[A-Z]{5}\d{4}[A-Z][A-Z\d]Z[A-Z\d]",
    "KZ": r"\d{12}",
    "NG": r"\d{10}|\d{12}",
    "NI": r"[A-Z]?\d{13}[A-Z]?",
    "PA": r"\d{5,14}",
    "PH": r"\d{9}|\d{12}",
    "SA": r"3\d{13}3",
    "UA": r"\d{8,12}",
    "UZ": r"\d{9}",
}
"""Tax numbers of countries whose check digits python-stdnum does not know."""


def _country_vat(country: str, text: str) -> Verdict:
    """By that country's rules: check digits, else length and letters."""
    form = _VAT_FORMS.get(country.upper())
    if form:
        return verdict(re.fullmatch(form, text[2:].replace("-", "")) is not None)
    number = alphanumeric(text)[2:]
    module = get_cc_module(country, "vat")
    if module is None:
        return unsure_digits(text, 6)
    forms = (text, text[2:].strip(), number)
    is_swiss = country == "ch" and library("ch.uid")(text)
    return verdict(is_swiss or any(map(module.is_valid, forms)))


def _bare(text: str) -> str:
    """Without a country's two letters before the number."""
    return re.sub(r"^[A-Za-z]{2,3}[ -]?(?=\d)", "", text)


_TAX_NUMBERS = """
    at.tin:9 de.idnr:11 fr.nif:13 it.codicefiscale:11-16 es.nif:9
    es.nie:9 pt.nif:9 nl.bsn:9 be.nn:11 dk.cpr:10 se.personnummer:10-12
    fi.hetu:10-11 no.fodselsnummer:11 ee.ik:11 lv.pvn:11 lt.asmens:11 pl.pesel:11
    pl.nip:10 cz.dic:8-10 cz.rc:9-10 hu.anum:8 ro.cnp:13 bg.egn:10 bg.pnf:10
    gr.vat:9 hr.oib:11 si.ddv:8 gb.utr:10 ie.pps:8-9 ca.sin:9
    ca.bn:9-15 br.cpf:11 br.cnpj:14 mx.rfc:10-13 ar.cuit:11 cl.rut:8-9
    in_.pan:10 in_.gstin:15 au.tfn:8-9 nz.ird:8-9 za.tin:10 il.idnr:4-9
    tr.vkn:10 tr.tckimlik:11 ru.inn:10-12 ua.rntrc:10 jp.in_:12 id.npwp:15-16
    vn.mst:10-13 cy.vat:9 lu.tva:8 mt.vat:8 sk.rc:9-10 ch.uid:9-12 sg.uen:9-10
    th.tin:13 pe.ruc:11 ec.ruc:13 uy.rut:12 ve.rif:10
"""
"""Of python-stdnum too; those without check digits, or whose numbers have any length,
are told by their form."""
_TAX_FORM = re.compile(
    r"\d{2}-\d{7}|\d{2,3}/\d{3}/\d{4,5}|\d{3}-\d{2}-\d{4}|\d{1,3}(?:\.\d{3}){2}-\d"
    r"|\d{5,10}-[\dKk]|\d{9}-\d{3}"
)
"""Written so only as a tax number (US, DE, CO, GT, VN)."""
_TAX_FORMS = "us.ein us.ssn us.itin de.stnr co.nit gt.nit vn.mst do.rnc".split()


def any_tax_id(text: str) -> Verdict:
    """Valid in some country, or of a form that some countries use without checksum."""
    if len(set(alphanumeric(text))) < 3:
        return Verdict.INVALID
    if _is_one_of(text, _TAX_NUMBERS) or _is_one_of(_bare(text), _TAX_NUMBERS):
        return Verdict.VALID
    if _TAX_FORM.fullmatch(text.strip()) and is_any(text, _TAX_FORMS):
        return Verdict.VALID
    ours = (hu_tax_id, lu_national_id, kr_business_number)
    if any(check(text) is Verdict.VALID for check in ours):
        return Verdict.VALID
    return unsure_digits(text, 8)


_IDENTITY_NUMBERS = """
    al.nipt:10 ar.cuit:11 at.vnr:10 au.tfn:8-9 be.nn:11 be.ssn:11 bg.egn:10 br.cpf:11
    ca.sin:9 ch.ssn:13 cl.rut:8-9 cn.ric:18 cz.rc:9-10
    de.idnr:11 dk.cpr:10 ec.ci:10 ee.ik:11 es.dni:9 es.nie:9 es.nif:9
    fi.hetu:10-11 fr.nir:15 gr.amka:11 hr.oib:11 ie.pps:8-9 il.idnr:4-9
    in_.aadhaar:12 in_.pan:10 is_.kennitala:10 it.codicefiscale:11-16 jp.in_:12
    lt.asmens:11 lv.pvn:11 mx.curp:18 nl.bsn:9 no.fodselsnummer:11 pe.cui:8-9
    pl.pesel:11 pt.cc:12 ro.cnp:13 se.personnummer:10-12 si.emso:13 th.pin:13
    tr.tckimlik:11 ua.rntrc:10 za.idnr:13
"""
_IDENTITY_FORM = re.compile(
    r"[1-7]\d{4}-\d{7}-[1-9]|\d{9}[VXvx]|C[A-Za-z]\d{5}[A-Za-z]{2}"
    r"|\d{3}-\d{2}-\d{4}|\d{6}-\d{2}-\d{4}|\d{3}\.\d{4}\.\d{4}\.\d{2}"
)
"""Written so only as one country's number (PK, LK, IT, US, MY, CH)."""


def any_national_id(text: str) -> Verdict:
    """Valid in some country; unsure for forms that prove nothing."""
    number = alphanumeric(text)
    if len(set(number)) < 3:
        return Verdict.INVALID
    if _IDENTITY_FORM.fullmatch(text.strip()) or _is_one_of(text, _IDENTITY_NUMBERS):
        return Verdict.VALID
    if "-" in text and is_any(text, ("do.cedula",)):
        return Verdict.VALID
    ours = (
        cn_resident_id,
        hk_id_card,
        tw_national_id,
        sg_nric,
        uk_nino,
        ae_emirates_id,
        sa_national_id,
        pl_id_card,
        kr_rrn,
        lk_nic,
        ir_national_code,
        za_id_number,
    )
    if any(check(text) is Verdict.VALID for check in ours):
        return Verdict.VALID
    return document_number(text)
