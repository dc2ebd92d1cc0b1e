"""Requests that no honest client sends, as bytes on the wire: for a station, and for a real KoboToolbox to compare with (part 9, bad input)."""

from __future__ import annotations

import base64
import io
import json
import socket
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "xxPARTxx"
Part = tuple[str, str | None, bytes]  # name, file name, content
Parts = list[Part]


@dataclass
class Form:
    """A deployed form (nom, age, photo, repeat membre) and who may fill it."""

    server: str
    uid: str
    uuid: str
    username: str
    password: str
    n: int = 0

    def key(self) -> str:
        self.n += 1
        return f"0bad0000-0000-4000-8000-{self.n:012}"

    def xml(self, answers: str = "<nom>A</nom>", key: str = "", attributes: str = "", meta: str = "") -> str:
        ids = f"<meta><instanceID>uuid:{key or self.key()}</instanceID>{meta}</meta>"
        head = f'<{self.uid} id="{self.uid}" version="1"{attributes}><formhub><uuid>{self.uuid}</uuid></formhub>'
        return f"{head}{answers}{ids}</{self.uid}>"

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass
class Sent:
    """One request; *length* is what its head claims, *raw* is sent after it as it is."""

    body: Iterable[bytes] = ()
    method: str = "POST"
    target: str = "/submission"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    chunked: bool = False
    credentials: bool = True


@dataclass
class Answer:
    status: int
    kind: str
    body: bytes

    @property
    def message(self) -> str:
        """What a phone shows, or a client reads."""
        text = self.body.decode("utf-8", "replace")
        for before, after in (('<message nature="">', "</message>"), ("<message>", "</message>"), ("<detail>", "</detail>"), ('"detail":"', '"'), ('"error":"', '"')):  # fmt: skip
            if before in text:
                return text.split(before, 1)[1].split(after, 1)[0]
        return ""


def multipart(parts: Parts) -> bytes:
    body = b""
    for name, filename, content in parts:
        label = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        kind = "\r\nContent-Type: text/xml" if filename is not None else ""
        head = f"Content-Disposition: {label}{kind}\r\n\r\n".encode("utf-8", "surrogateescape")
        body += f"--{BOUNDARY}\r\n".encode() + head + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def sent(parts: Parts, **more: Any) -> Sent:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **more.pop("headers", {})}
    return Sent([multipart(parts)], headers=headers, **more)


def xml_part(xml: str | bytes) -> Part:
    return ("xml_submission_file", "x.xml", xml if isinstance(xml, bytes) else xml.encode())


def post(xml: str | bytes, *files: Part, **more: Any) -> Sent:
    return sent([xml_part(xml), *files], **more)


def exchange(form: Form, request: Sent, timeout: float = 60) -> list[Answer]:
    """Send it and read all answers until the server has no more to say."""
    place = urlsplit(form.server)
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=timeout) as wire:
        body = list(request.body)
        length = sum(map(len, body)) if request.length is None else request.length
        head = {"Host": place.netloc, "Connection": "close", "Accept": "*/*", **request.headers}
        if request.credentials:
            head.setdefault("Authorization", form.authorization)
        if request.chunked:
            head["Transfer-Encoding"] = "chunked"
        elif request.method == "POST":
            head["Content-Length"] = str(length)
        lines = [f"{request.method} {request.target} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items()), "", ""]
        try:
            wire.sendall("\r\n".join(lines).encode("utf-8", "surrogateescape"))
            for piece in body:
                wire.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if request.chunked else piece)
            if request.chunked:
                wire.sendall(b"0\r\n\r\n")
            if sum(map(len, body)) < length and not request.chunked:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it does not want to hear more; what it answered may still be read
        return list(_answers(wire))


def _answers(wire: socket.socket) -> Iterable[Answer]:
    stream = wire.makefile("rb")
    while True:
        try:
            line = stream.readline()
        except OSError:
            return
        if not line:
            return
        head: dict[str, str] = {}
        while (text := stream.readline().decode("latin-1").strip()) != "":
            name, _, value = text.partition(":")
            head[name.lower()] = value.strip()
        if head.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(stream.readline().split(b";")[0] or b"0", 16):
                body += stream.read(size)
                stream.readline()
            stream.readline()
        elif "content-length" in head:
            body = stream.read(int(head["content-length"]))
        else:
            body = b"" if line.split()[1] in (b"100", b"204", b"304") else stream.read()
        if line.split()[1] != b"100":
            yield Answer(int(line.split()[1]), head.get("content-type", "").split(";")[0], body)


# ── XML ─────────────────────────────────────────────────────────────────────


def _with_dtd(form: Form, dtd: str, answer: str) -> Sent:
    return post(f'<?xml version="1.0"?><!DOCTYPE x [{dtd}]>{form.xml(f"<nom>{answer}</nom>")}')


def _bomb() -> str:
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return "".join(lines)


def _encoded(form: Form, text: str, encoding: str, declared: str | None) -> Sent:
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return post((head + form.xml(f"<nom>{text}</nom>")).encode(encoding))


def _deep(form: Form, n: int) -> Sent:
    return post(form.xml("<g>" * n + "x" + "</g>" * n))


def _many_attributes(form: Form, n: int) -> Sent:
    return post(form.xml("<nom " + " ".join(f'a{k}="1"' for k in range(n)) + ">A</nom>"))


def _meta(form: Form, meta: str) -> str:
    return f'<{form.uid} id="{form.uid}"><formhub><uuid>{form.uuid}</uuid></formhub><nom>A</nom>{meta}</{form.uid}>'


XML: dict[str, Callable[[Form], Sent]] = {
    "xml_bomb": lambda f: _with_dtd(f, _bomb(), "&a9;"),
    "xml_bomb_quadratic": lambda f: _with_dtd(f, f'<!ENTITY a "{"x" * 5000}">', "&a;" * 5000),
    "xml_external_entity": lambda f: _with_dtd(f, '<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;"),
    "xml_external_dtd": lambda f: post(f'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">{f.xml()}'),
    "xml_parameter_entity": lambda f: _with_dtd(f, '<!ENTITY % a SYSTEM "http://127.0.0.1:9/x">%a;', "A"),
    "xml_dtd_without_entities": lambda f: _with_dtd(f, "<!ELEMENT x ANY>", "A"),
    "xml_undefined_entity": lambda f: post(f.xml("<nom>&nbsp;</nom>")),
    "xml_broken": lambda f: post("<broken"),
    "xml_unclosed": lambda f: post(f.xml()[:-5]),
    "xml_empty": lambda f: post(b""),
    "xml_blank": lambda f: post(b" \r\n "),
    "xml_text_only": lambda f: post("bonjour"),
    "xml_json": lambda f: post('{"nom": "A"}'),
    "xml_html": lambda f: post("<html><body><p>portail captif</p></body></html>"),
    "xml_two_roots": lambda f: post(f.xml() + f.xml()),
    "xml_nul": lambda f: post(f.xml("<nom>A\x00B</nom>")),
    "xml_control": lambda f: post(f.xml("<nom>A\x07B</nom>")),
    "xml_control_reference": lambda f: post(f.xml("<nom>A&#7;B</nom>")),
    "xml_nul_reference": lambda f: post(f.xml("<nom>A&#0;B</nom>")),
    "xml_surrogate_reference": lambda f: post(f.xml("<nom>A&#xD800;B</nom>")),
    "xml_surrogate_bytes": lambda f: post(f.xml("<nom>A@B</nom>").encode().replace(b"@", b"\xed\xa0\x80")),
    "xml_nonchar": lambda f: post(f.xml("<nom>A\ufffeB</nom>")),
    "xml_bad_utf8": lambda f: post(f.xml("<nom>A@B</nom>").encode().replace(b"@", b"\xff")),
    "xml_bom": lambda f: post(b"\xef\xbb\xbf" + f.xml("<nom>é</nom>").encode()),
    "xml_bom_declared": lambda f: post(b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>" + f.xml().encode()),
    "xml_utf16_declared": lambda f: _encoded(f, "é", "utf-16", "utf-16"),
    "xml_utf16_undeclared": lambda f: _encoded(f, "é", "utf-16", None),
    "xml_utf16_without_bom": lambda f: _encoded(f, "é", "utf-16-le", None),
    "xml_utf32": lambda f: _encoded(f, "é", "utf-32", "utf-32"),
    "xml_latin1_declared": lambda f: _encoded(f, "é", "latin-1", "iso-8859-1"),
    "xml_latin1_undeclared": lambda f: _encoded(f, "é", "latin-1", None),
    "xml_utf8_declared_latin1": lambda f: _encoded(f, "é", "utf-8", "iso-8859-1"),
    "xml_windows1256_declared": lambda f: _encoded(f, "سلام", "cp1256", "windows-1256"),
    "xml_unknown_encoding": lambda f: _encoded(f, "A", "utf-8", "wibble"),
    "xml_declared_1_1": lambda f: post('<?xml version="1.1"?>' + f.xml()),
    "xml_leading_blank": lambda f: post("\n  <?xml version='1.0'?>" + f.xml()),
    "xml_processing_instruction": lambda f: post("<?php echo 1 ?>" + f.xml()),
    "xml_processing_instruction_within": lambda f: post(f.xml("<nom>A</nom><?php echo 1 ?>")),
    "xml_comment_cdata": lambda f: post(f.xml("<!-- c --><nom><![CDATA[a < b]]></nom>")),
    "xml_deep_90": lambda f: _deep(f, 90),
    "xml_deep_5000": lambda f: _deep(f, 5000),
    "xml_deep_100000": lambda f: _deep(f, 100_000),
    "xml_attributes_1000": lambda f: _many_attributes(f, 1000),
    "xml_attributes_200000": lambda f: _many_attributes(f, 200_000),
    "xml_elements_200000": lambda f: post(f.xml("<nom/>" * 200_000)),
    "xml_long_answer": lambda f: post(f.xml(f"<nom>{'x' * 2_000_000}</nom>")),
    "xml_long_name": lambda f: post(f.xml(f"<{'n' * 70_000}/>")),
    "xml_namespaced": lambda f: post(f.xml('<a:nom xmlns:a="urn:a">A</a:nom>')),
    "xml_unknown_element": lambda f: post(f.xml("<wibble>A</wibble>")),
}

# ── identity, versions, clocks ──────────────────────────────────────────────


def _year(form: Form, text: str) -> Sent:
    return post(form.xml(f"<start>{text}</start><nom>A</nom><end>{text}</end>"))


IDENTITY: dict[str, Callable[[Form], Sent]] = {
    "id_missing": lambda f: post(_meta(f, "")),
    "id_empty": lambda f: post(_meta(f, "<meta><instanceID/></meta>")),
    "id_blank": lambda f: post(_meta(f, "<meta><instanceID>  </instanceID></meta>")),
    "id_prefix_only": lambda f: post(_meta(f, "<meta><instanceID>uuid:</instanceID></meta>")),
    "id_no_uuid": lambda f: post(_meta(f, "<meta><instanceID>wibble</instanceID></meta>")),
    "id_other_prefix": lambda f: post(_meta(f, f"<meta><instanceID>a.org:{f.key()}</instanceID></meta>")),
    "id_upper_case": lambda f: post(f.xml(key=f.key().upper())),
    "id_long": lambda f: post(f.xml(key="x" * 300)),
    "id_path": lambda f: post(f.xml(key="../../etc/passwd")),
    "id_arabic": lambda f: post(f.xml(key="معرف")),
    "id_quote": lambda f: post(f.xml(key="a\"'; DROP TABLE submissions;--")),
    "id_twice": lambda f: post(_meta(f, "<meta><instanceID>uuid:0bad0000-1</instanceID><instanceID>uuid:0bad0000-2</instanceID></meta>")),
    "id_two_metas": lambda f: post(_meta(f, "<meta><instanceID>uuid:0bad0000-3</instanceID></meta><meta><instanceID>uuid:0bad0000-4</instanceID></meta>")),
    "form_unknown": lambda f: post(f.xml().replace(f.uid, "aUnknown").replace(f.uuid, "0" * 32)),
    "form_uuid_unknown": lambda f: post(f.xml().replace(f.uuid, "0" * 32)),
    "form_id_other_uuid_right": lambda f: post(f.xml().replace(f.uid, "aUnknown")),
    "form_no_id_attribute": lambda f: post(f.xml().replace(f' id="{f.uid}"', "").replace(f"<formhub><uuid>{f.uuid}</uuid></formhub>", "")),
    "form_id_empty": lambda f: post(f.xml().replace(f' id="{f.uid}"', ' id=""').replace(f.uuid, "")),
    "form_id_quote": lambda f: post(f.xml().replace(f' id="{f.uid}"', " id=\"' OR 1=1\"").replace(f.uuid, "")),
    "version_unknown": lambda f: post(f.xml().replace('version="1"', 'version="99 (2099-01-01)"')),
    "version_none": lambda f: post(f.xml().replace(' version="1"', "")),
    "version_element_unknown": lambda f: post(f.xml("<nom>A</nom><__version__>vWibble</__version__>")),
    "deprecated_unknown": lambda f: post(f.xml(meta="<deprecatedID>uuid:ffffffff-0000-4000-8000-000000000000</deprecatedID>")),
    "deprecated_self": lambda f: (lambda k: post(f.xml(key=k, meta=f"<deprecatedID>uuid:{k}</deprecatedID>")))(f.key()),
    "deprecated_empty": lambda f: post(f.xml(meta="<deprecatedID/>")),
    "clock_date_1970": lambda f: post(f.xml(attributes=' submissionDate="1970-01-01T00:00:00Z"')),
    "clock_date_2099": lambda f: post(f.xml(attributes=' submissionDate="2099-12-31T23:59:59.999+14:00"')),
    "clock_date_no_zone": lambda f: post(f.xml(attributes=' submissionDate="2024-02-30 25:61"')),
    "clock_date_words": lambda f: post(f.xml(attributes=' submissionDate="hier"')),
    "clock_date_empty": lambda f: post(f.xml(attributes=' submissionDate=""')),
    "clock_date_huge": lambda f: post(f.xml(attributes=f' submissionDate="{"9" * 400}"')),
    "clock_date_day": lambda f: post(f.xml(attributes=' submissionDate="2020-05-01"')),
    "clock_start_1970": lambda f: _year(f, "1970-01-01T00:00:00.000+00:00"),
    "clock_start_2099": lambda f: _year(f, "2099-12-31T23:59:59.999-12:00"),
    "clock_start_words": lambda f: _year(f, "il y a longtemps"),
    "clock_start_arabic": lambda f: _year(f, "٢٠٢٦-١١-٢٩T٠٠:٠٠:٠٠"),
}  # fmt: skip

# ── files and parts ─────────────────────────────────────────────────────────


def _with_photo(form: Form, name: str, content: bytes = b"\xff\xd8photo", named: str | None = None) -> Sent:
    answer = name if named is None else named
    text = answer.replace("&", "&amp;").replace("<", "&lt;")
    return post(form.xml(f"<nom>A</nom><photo>{text}</photo>"), (name, name, content))


def zip_bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("0", bytes(50_000_000))
    return target.getvalue()


def _parts(form: Form, n: int) -> Sent:
    turns = "".join(f"<membre><portrait>p{k}.jpg</portrait></membre>" for k in range(n - 1))
    return post(form.xml(turns), *((f"p{k}.jpg", f"p{k}.jpg", b"%d" % k) for k in range(n - 1)))


FILES: dict[str, Callable[[Form], Sent]] = {
    "file_none": lambda f: sent([("a", None, b"b")]),
    "file_no_part": lambda f: sent([]),
    "file_xml_as_field": lambda f: sent([("xml_submission_file", None, f.xml().encode())]),
    "file_xml_other_name": lambda f: sent([("submission", "x.xml", f.xml().encode())]),
    "file_xml_twice": lambda f: sent([xml_part(f.xml()), xml_part(f.xml())]),
    "file_xml_twice_second_bad": lambda f: sent([xml_part(f.xml()), xml_part("<broken")]),
    "file_xml_no_filename": lambda f: sent([("xml_submission_file", "", f.xml().encode())]),
    "file_empty": lambda f: _with_photo(f, "vide.jpg", b""),
    "file_twice_same": lambda f: post(f.xml("<photo>p.jpg</photo>"), ("p.jpg", "p.jpg", b"1"), ("p.jpg", "p.jpg", b"1")),
    "file_twice_other": lambda f: post(f.xml("<photo>p.jpg</photo>"), ("p.jpg", "p.jpg", b"1"), ("p.jpg", "p.jpg", b"2")),
    "file_dotdot": lambda f: _with_photo(f, "../../../etc/cron.d/x.jpg"),
    "file_dotdot_short": lambda f: _with_photo(f, "../x.jpg", named="x.jpg"),
    "file_backslash": lambda f: _with_photo(f, "..\\\\x.jpg", named="x.jpg"),
    "file_absolute": lambda f: _with_photo(f, "/etc/passwd", named="passwd"),
    "file_device": lambda f: _with_photo(f, "CON"),
    "file_device_dot": lambda f: _with_photo(f, "nul.jpg"),
    "file_dots": lambda f: _with_photo(f, ".."),
    "file_dot_hidden": lambda f: _with_photo(f, ".htaccess"),
    "file_long_name": lambda f: _with_photo(f, "n" * 300 + ".jpg"),
    "file_arabic": lambda f: _with_photo(f, "صورة.jpg"),
    "file_control_name": lambda f: _with_photo(f, "a\x01b.jpg", named="ab.jpg"),
    "file_nul_name": lambda f: _with_photo(f, "a\x00b.jpg", named="ab.jpg"),
    "file_surrogate_name": lambda f: _with_photo(f, "a\udcffb.jpg", named="ab.jpg"),
    "file_colon_name": lambda f: _with_photo(f, "a:b.jpg"),
    "file_unnamed_by_xml": lambda f: _with_photo(f, "p.jpg", named="autre.jpg"),
    "file_zip_bomb": lambda f: _with_photo(f, "bombe.zip", zip_bomb()),
    "file_html": lambda f: _with_photo(f, "x.html", b"<script>alert(1)</script>"),
    "file_12_mb": lambda f: _with_photo(f, "gros.jpg", bytes(12_000_000)),
    "file_95_mb": lambda f: _with_photo(f, "film.mp4", bytes(95 * 1024 * 1024)),
    "file_101_mb": lambda f: _with_photo(f, "film.mp4", bytes(101 * 1024 * 1024)),
    "parts_200": lambda f: _parts(f, 200),
    "parts_1001": lambda f: _parts(f, 1001),
    "body_json_broken": lambda f: Sent([b"{oops"], headers={"Content-Type": "application/json"}),
    "body_json_list": lambda f: Sent([b"[1]"], headers={"Content-Type": "application/json"}),
    "body_json_nul": lambda f: Sent([json.dumps({"id": f.uid, "submission": {"nom": "a\0b", "meta": {"instanceID": f"uuid:{f.key()}"}}}).encode()], headers={"Content-Type": "application/json"}),
    "body_json_surrogate": lambda f: Sent([json.dumps({"id": f.uid, "submission": {"nom": "a\ud800b", "meta": {"instanceID": f"uuid:{f.key()}"}}}).encode()], headers={"Content-Type": "application/json"}),
    "body_json_deep": lambda f: Sent([b'{"id": "x", "submission": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"], headers={"Content-Type": "application/json"}),
    "body_xml_bare": lambda f: Sent([f.xml().encode()], headers={"Content-Type": "text/xml"}),
    "body_no_type": lambda f: Sent([f.xml().encode()]),
    "body_form": lambda f: Sent([b"a=b"], headers={"Content-Type": "application/x-www-form-urlencoded"}),
    "body_empty": lambda f: Sent([], headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}),
    "body_no_boundary": lambda f: Sent([multipart([xml_part(f.xml())])], headers={"Content-Type": "multipart/form-data"}),
    "body_other_boundary": lambda f: Sent([multipart([xml_part(f.xml())])], headers={"Content-Type": "multipart/form-data; boundary=other"}),
    "body_cut": lambda f: Sent([multipart([xml_part(f.xml())])[:-30]], headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}),
}  # fmt: skip

# ── HTTP ────────────────────────────────────────────────────────────────────


def _lying(form: Form, by: int) -> Sent:
    request = post(form.xml())
    (body,) = request.body
    request.length = len(body) + by
    return request


def _chunks(form: Form) -> Sent:
    request = post(form.xml(), chunked=True)
    (body,) = request.body
    request.body = [body[n : n + 50] for n in range(0, len(body), 50)]
    return request


HTTP: dict[str, Callable[[Form], Sent]] = {
    "length_too_long": lambda f: _lying(f, 1000),
    "length_too_short": lambda f: _lying(f, -100),
    "length_negative": lambda f: post(f.xml(), length=-5),
    "length_huge": lambda f: post(f.xml(), length=10**15),
    "length_101_mb": lambda f: post(f.xml(), length=101 * 1024 * 1024),
    "chunked": _chunks,
    "accept_absurd": lambda f: post(f.xml(), headers={"Accept": ",".join(f"a{n}/b;q=0.{n % 10}" for n in range(600))}),
    "accept_wibble": lambda f: post(f.xml(), headers={"Accept": "wibble"}),
    "accept_json": lambda f: post(f.xml(), headers={"Accept": "application/json"}),
    "accept_html": lambda f: post(f.xml(), headers={"Accept": "text/html"}),
    "accept_image": lambda f: post(f.xml(), headers={"Accept": "image/png"}),
    "header_surrogate": lambda f: post(f.xml(), headers={"X-Wibble": "a\udcffb"}),
    "header_long": lambda f: post(f.xml(), headers={"X-Wibble": "a" * 40_000}),
    "query_nul": lambda f: post(f.xml(), target="/submission?deviceID=a%00b"),
    "query_surrogate": lambda f: post(f.xml(), target="/submission?deviceID=%ED%A0%80"),
    "query_bad_escape": lambda f: post(f.xml(), target="/submission?deviceID=%zz"),
    "path_nul": lambda f: post(f.xml(), target="/submission%00"),
    "path_traversal": lambda f: post(f.xml(), target="/../../submission"),
    "path_slash": lambda f: post(f.xml(), target="/submission/"),
    "path_long": lambda f: post(f.xml(), target="/submission?a=" + "a" * 20_000),
    "method_wibble": lambda f: Sent(method="WIBBLE"),
    "credentials_none": lambda f: post(f.xml(), credentials=False),
    "credentials_broken": lambda f: post(f.xml(), headers={"Authorization": "Basic !!!"}),
    "credentials_nul": lambda f: post(f.xml(), headers={"Authorization": "Basic " + base64.b64encode(b"a\0b:c").decode()}),
    "credentials_surrogate": lambda f: post(f.xml(), headers={"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:c").decode()}),
    "credentials_wibble": lambda f: post(f.xml(), headers={"Authorization": "Wibble x"}),
}  # fmt: skip
# The real server takes nothing more for a form after the first of these (500: its last submission cannot be read any more).
POISON: dict[str, Callable[[Form], Sent]] = {
    "clock_date_0001": lambda f: post(f.xml(attributes=' submissionDate="0001-01-01T00:00:00+14:00"')),
    "clock_date_9999": lambda f: post(f.xml(attributes=' submissionDate="9999-12-31T23:59:59-12:00"')),
}
CASES = {**XML, **IDENTITY, **FILES, **HTTP, **POISON}
