import dataclasses
import xml.etree.ElementTree as ElementTree

from verify.report import junit, table

from . import fake


def spoilt():
    """The control is not caught."""
    result = fake.result(points=2)
    last = result.claims[-1]
    verdict = dataclasses.replace(last.verdict, verdict="no violation", violated=0, summary='nothing < seen & "none"')
    result.claims[-1] = dataclasses.replace(last, verdict=verdict)
    return result


def test_table(snapshot):
    written = table(spoilt())
    assert written == snapshot
    marks = [line[0] for line in written.splitlines()[1:]]
    assert marks == ["✓", "✓", "✓", "✗"]


def test_what_was_found_for_the_users_data_is_below():
    result = fake.result(points=2)
    before = table(result)
    result.answer = {"mu": 0.4567891, "support": [1, 5.5], "recovered": "yes"}
    assert table(result) == f"{before}\n\nyour data\n   mu         0.456789\n   support    [1, 5.5]\n   recovered  yes"


def test_columns_are_fixed():
    lines = table(fake.result(points=2)).splitlines()
    ends = {
        line.index(word) + len(word) for line, word in zip(lines, ["decided", *["10,203"] * 3, "10,215"], strict=True)
    }
    assert len(ends) == 1


def test_junit():
    broken = spoilt()
    broken.finished = False
    root = ElementTree.fromstring(junit([fake.result(points=2, d=7), broken]))
    good, bad = root.findall("testsuite")
    assert good.get("name") == "fake d=7 k=3"
    assert [c.get("name") for c in good.findall("testcase")] == [c.name for c in fake.THEOREM.claims]
    assert not good.findall(".//failure")
    assert good.get("failures") == "0"
    assert abs(sum(float(c.get("time")) for c in good) - float(good.get("time"))) < 0.01
    failed = [c.get("name") for c in bad if c.find("failure") is not None]
    assert failed == ["half the rate", "run to the end"]
    assert bad.get("failures") == "2"
    assert bad.find(".//failure").get("message") == 'expected a violation, found no violation: nothing < seen & "none"'
